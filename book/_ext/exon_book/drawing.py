"""Figures as SVG files of the site."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

import matplotlib.pyplot as plt
from docutils import nodes
from matplotlib.figure import Figure
from sphinx.environment import BuildEnvironment

from exon.figures.compare import one_column
from exon.figures.plots import STYLE
from exon.figures.svg import compact

NARROW = 4.6
"""Inches: on a phone letters are then nearly as large as those of the text."""


class Drawing(NamedTuple):
    """The SVG of a figure for a wide page, and that for a phone, with the panels one below the other; "" for none."""

    wide: str
    narrow: str = ""


def drawn(draw: Callable[[], Figure]) -> Drawing:
    """A figure in the style of the book."""
    try:
        with plt.rc_context(cast(Any, STYLE)):
            figure = draw()
            wide = _svg(figure)
            one_column(figure, NARROW)
            return Drawing(wide, _svg(figure))
    finally:
        plt.close("all")


def _svg(figure: Figure) -> str:
    image = io.StringIO()
    figure.savefig(image, format="svg", metadata={"Date": None}, bbox_inches="tight")
    return compact(image.getvalue())


def images(env: BuildEnvironment, name: str, drawing: Drawing, alt: str) -> list[nodes.image]:
    """A drawing, kept below the build folder, as images of a page, of which each screen shows one."""
    wide = nodes.image(uri=_kept(env, name, drawing.wide), alt=alt, classes=["dark-light"])
    if not drawing.narrow:
        return [wide]
    wide["classes"].append("wide")
    # Loaded when it comes near, it needs its place before, or the page moves. docutils writes a width into the style as it is.
    place = f"100%; aspect-ratio: {_ratio(drawing.narrow)}"
    uri, classes = _kept(env, f"{name}-narrow", drawing.narrow), ["dark-light", "narrow", "no-scaled-link"]
    narrow = nodes.image(uri=uri, alt=alt, classes=classes, loading="lazy", width=place)
    return [wide, narrow]


def _ratio(svg: str) -> str:
    """Width / height of the view box, as CSS writes it."""
    return " / ".join(re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)[0])


def _kept(env: BuildEnvironment, name: str, svg: str) -> str:
    """Write an image below the build folder; its address in the book."""
    target = Path(env.srcdir) / "_build" / "figures" / f"{name}.svg"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(svg)
    return "/" + target.relative_to(env.srcdir).as_posix()
