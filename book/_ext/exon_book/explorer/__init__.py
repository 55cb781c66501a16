"""What the explorers run in the browser: decoders and codes of stored runs, written while the book is built."""

from pathlib import Path

import torch
from sphinx.application import Sphinx

from exon_book.explorer import cifar10, mnist
from exon_book.explorer.packing import write_script
from exon_book.lookup import logger
from exon_book.reading import LACKING, said

PAGES = {"book/explore": mnist.files, "book/explore-cifar10": cifar10.files}


@torch.no_grad()
def write(app: Sphinx, exception: Exception | None) -> None:
    """Write the files of every explorer in the book below the site's explorer/; a warning where a run is missing."""
    if exception or app.builder.name != "html":
        return
    for page, files in PAGES.items():
        if page not in app.env.found_docs:
            continue
        try:
            for name, content in files(Path(app.srcdir)):
                write_script(Path(app.outdir) / "explorer", name, content)
        except LACKING as error:
            logger.warning("the explorer cannot start: %s", said(error), location=page)
