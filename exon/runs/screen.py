"""Tables on a terminal."""

from collections.abc import Iterable, Sequence


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """A table as wide as the terminal, or of 160 characters where there is none; long cells are wrapped."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(*heads, box=box.HORIZONTALS, show_lines=True, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    console = Console(markup=False, highlight=False)
    console.print(table, width=None if console.is_terminal else 160)
