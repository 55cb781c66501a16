"""Tables of plain text, and numbers as they stand in them."""

import math
import statistics
from collections.abc import Iterable, Sequence

from docutils import nodes

from exon_book.lookup import formatted


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "ledger") -> nodes.table:
    """Cells of text below their heads; kind is a class: "ledger" for numbers, "record" where there is prose in it."""
    group = nodes.tgroup(cols=len(heads))
    group += [nodes.colspec(colwidth=1) for _ in heads]
    group += nodes.thead("", _row(heads))
    group += nodes.tbody("", *map(_row, rows))
    return nodes.table("", group, classes=[kind])


def without_empty(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows without the columns that hold nothing but dashes."""
    kept = [j for j in range(len(heads)) if any(row[j] != "–" for row in rows)]
    return [heads[j] for j in kept], [[row[j] for j in kept] for row in rows]


def number(value: float | None, form: str) -> str:
    """format(value, form) with a real minus sign; a dash where there is no value."""
    return "–" if value is None or value != value else formatted(value, form)


def with_spread(mean: float | None, sd: float, form: str) -> str:
    """A mean and, where there is one, its standard deviation: "3.41 ± 0.16"; with more decimals where that would be "± 0.00"."""
    if sd != sd or not sd:
        return number(mean, form)
    while not float(f"{sd:{form}}"):
        form = f".{int(form[1:-1]) + 1}f"
    return f"{number(mean, form)} ± {sd:{form}}"


def counted(runs: int) -> str:
    """How many runs, in words."""
    return "one run" if runs == 1 else f"{runs} runs"


def of_runs(values: Iterable[float], form: str) -> str:
    """What runs found: mean and standard deviation; both values of two, whose deviation would say little; the value of one."""
    known = sorted(value for value in values if value is not None and value == value)
    if len(known) == 2:
        return " and ".join(dict.fromkeys(number(value, form) for value in known))
    mean = statistics.fmean(known) if known else None
    return with_spread(mean, statistics.stdev(known) if len(known) > 2 else math.nan, form)


def held_against(value: float | None, interval: tuple[float, float] | None, form: str) -> tuple[str, str]:
    """Whether a value lies in an interval, and the interval: ("yes", "2.61 to 4.22"); dashes where there is none."""
    if interval is None:
        return "–", "–"
    low, high = interval
    inside = "–" if value is None else "yes" if low <= value <= high else "no"
    return inside, f"{number(low, form)} to {number(high, form)}"


def _row(cells: Sequence[str]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", cell)) for cell in cells))
