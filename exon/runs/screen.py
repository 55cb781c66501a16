"""What a terminal shows: tables, and how far a training is."""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def print_table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None, lines: bool = False
) -> None:
    """A table as wide as the terminal, or of 160 characters where there is none; long cells are wrapped.

    Args:
        lines: between all rows; else where the first column changes, whose value then stands only once.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(*heads, box=box.HORIZONTALS, show_lines=lines, title=title, title_justify="left")
    before = None
    for first, *others in rows:
        if first != before and before is not None:
            table.add_section()
        table.add_row(first if lines or first != before else "", *others)
        before = first
    width = shutil.get_terminal_size((160, 24)).columns
    Console(width=width, markup=False, highlight=False).print(table)


def progress(items: Iterable[T], total: int, description: str) -> Iterator[T]:
    """The items, with a bar on the terminal: the one named by $EXON_TERMINAL, else standard error if it is one.

    The terminal may go away: then the items come without a bar.
    """
    file = None
    if terminal := os.environ.get("EXON_TERMINAL"):
        try:
            file = open(terminal, "w")  # noqa: SIM115 (closing it may fail, and must not matter)
        except OSError:
            yield from items
            return
    try:
        yield from tqdm(items, total=total, desc=description, leave=False, file=file, disable=None)
    finally:
        with suppress(OSError):
            if file:
                file.close()
