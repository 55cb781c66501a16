"""Figures as SVG files of the site."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from sphinx.environment import BuildEnvironment

from exon.figures.plots import STYLE
from exon.figures.svg import compact


def drawn(draw: Callable[[], Figure]) -> str:
    """The SVG of a figure, in the style of the book."""
    image = io.StringIO()
    try:
        with plt.rc_context(cast(Any, STYLE)):
            draw().savefig(image, format="svg", metadata={"Date": None}, bbox_inches="tight")
    finally:
        plt.close("all")
    return compact(image.getvalue())


def kept(env: BuildEnvironment, name: str, svg: str) -> str:
    """Write an image below the build folder; its address in the book."""
    target = Path(env.srcdir) / "_build" / "figures" / f"{name}.svg"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(svg)
    return "/" + target.relative_to(env.srcdir).as_posix()
