"""The site as a whole: its address ($EXON_SITE_URL) for sitemap.xml and OpenGraph, names for runs and controls, its icons."""

import json
import os
import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.config import Config

from exon.files import OWN
from exon.runs import record
from exon_book.lookup import is_own, logger


def publish(app: Sphinx) -> None:
    """Where $EXON_SITE_URL is set, say so in every page and write a sitemap; without it the site is for reading in place."""
    if url := os.environ.get("EXON_SITE_URL"):
        app.setup_extension("sphinx_sitemap")
        app.connect("config-inited", lambda _, config: _set_address(config, url.rstrip("/") + "/"))


def _set_address(config: Config, url: str) -> None:
    config.html_baseurl = config.ogp_site_url = url
    config.sitemap_url_scheme = "{link}"


def announce_sample(app: Sphinx, config: Config) -> None:
    """Say on every page that the book's main run used the small sample, if it did."""
    place = Path(config.exon_profile, "mnist", "beta-1_seed-1", "run.json")
    paths = (Path(app.srcdir) / root / place for root in ("results", OWN))
    path = next(filter(Path.is_file, paths), None)
    if path and json.loads(path.read_text())["provenance"]["data"]["source"] == "sample":
        text = "These pages show a run on the small sample inside the package: its numbers mean nothing."
        config.html_theme_options["announcement"] = text


def keep_units(app: Sphinx, doctree: nodes.document) -> None:
    """No line breaks between a number and its percent sign."""
    for text in list(doctree.findall(nodes.Text)):
        if " %" in text and not isinstance(text.parent, (nodes.literal, nodes.literal_block, nodes.raw)):
            text.parent.replace(text, nodes.Text(text.replace(" %", "\u00a0%")))


def keep_punctuation(app: Sphinx, doctree: nodes.document) -> None:
    """No line begins with the punctuation that follows a formula."""
    for formula in list(doctree.findall(nodes.math)):
        after = formula.next_node(descend=False, siblings=True)
        if isinstance(after, nodes.Text) and (mark := re.match(r"[,.;:)]+", after)):
            parent = formula.parent
            parent.replace(after, nodes.Text(after[mark.end() :]))
            parent.replace(formula, nodes.inline("", "", formula.deepcopy(), nodes.Text(mark[0]), classes=["unbroken"]))


def name_runs(app: Sphinx, doctree: nodes.document) -> None:
    """Notebooks of runs share their heading: where they are listed, each is named by its profile and setting."""
    folder = Path(app.srcdir, app.env.docname).parent
    if app.env.docname.endswith("/run") and (folder / "run.json").is_file():
        e = record.experiment_of(folder)
        setting = f"β = {e.beta:g}" if e.distance is None else f"r = {e.distance:g}"
        name = f"{'Your' if is_own(folder) else 'One'} run: {setting}, {e.profile}"
        entry = next(app.env.tocs[app.env.docname].findall(nodes.reference))
        entry[:] = [nodes.Text(name)]
        app.env.titles[app.env.docname] = nodes.title(name, name)  # of links to the next page and the one before


# What Sphinx and the theme write, and what a screen reader needs: a list role wants list items, a button wants a name.
MENDED = {
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    '<summary><span class="toctree-toggle"': '<summary aria-label="Pages below this one"><span class="toctree-toggle"',
}


def name_controls(app: Sphinx, exception: Exception | None) -> None:
    """Mend the accessibility of every page that was written."""
    if exception or not isinstance(app.builder, StandaloneHTMLBuilder) or app.builder.name != "html":
        return
    for docname in app.env.found_docs:
        path = Path(app.builder.get_outfilename(docname))
        content = path.read_text(encoding="utf-8")
        for old, new in MENDED.items():
            content = content.replace(old, new)
        path.write_text(content, encoding="utf-8")


ICON = re.compile(r'"?([\w-]+)"?:\[\d+,\d+,\[([^\]]*)\],"[0-9a-f]+",(?:"[^"]*"|\[[^\]]*\])\],?')
LARGEST = 150_000  # bytes of the library with the icons that are used, where the pattern fits


def trim_icons(app: Sphinx, exception: Exception | None) -> None:
    """Leave in the theme's Font Awesome the icons that the site uses: of two thousand, a megabyte and a half on every page.

    The library is minified JavaScript; a warning says when its form has changed, so that the pattern no longer finds the icons.
    """
    site = Path(app.outdir)
    library = site / "_static" / "scripts" / "fontawesome.js"
    if exception or app.builder.name != "html" or not library.exists():
        return
    readers = [*site.rglob("*.html"), *(path for path in library.parent.glob("*.js") if path != library)]
    used = set(re.findall(r"\bfa-([\w-]+)", " ".join(path.read_text(encoding="utf-8") for path in readers)))

    def keep(match: re.Match[str]) -> str:
        names = {match[1], *re.findall(r'"([^"]+)"', match[2])}
        return match[0] if names & used else ""

    trimmed = ICON.sub(keep, library.read_text(encoding="utf-8"))
    library.write_text(trimmed, encoding="utf-8")
    if len(trimmed) > LARGEST:
        logger.warning("%s still has %d bytes: its icons are not where they were", library.name, len(trimmed))
