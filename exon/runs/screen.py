"""Tables on a terminal."""

import shutil
from collections.abc import Iterable, Sequence


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
