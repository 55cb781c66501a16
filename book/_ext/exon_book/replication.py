"""The page of replications: what runs with new seeds found, beside the stored runs.

The example is kept in results/replication/, the reader's own lies in results/own/replication/; both as
`exon replicate` leaves them.
"""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from docutils import nodes
from matplotlib.figure import Figure

from exon.errors import UserError
from exon.evaluation.claims.claim import HOLDS
from exon.evaluation.comparison import Comparison, read, sentences
from exon.evaluation.primary import PRIMARY, TERMS
from exon.figures import forest
from exon.figures import replication as figures
from exon.runs.replicate import FOLDER
from exon.runs.verify import HEADLINE
from exon_book.drawing import drawn, images
from exon_book.lookup import linked
from exon_book.reading import RecordDirective
from exon_book.tables import number, table, with_spread
from exon_book.tables.ablation import OUTCOMES

EXAMPLE = Path("results/replication")
FOLDERS = {EXAMPLE: "with new seeds", FOLDER: "yours"}


class Replication(RecordDirective):
    """{replication} PART: what replications found, the reader's beside the example; part is a name of `PARTS`."""

    required_arguments = 1

    def made(self) -> list[nodes.Node]:
        part = self.arguments[0]
        if part not in PARTS:
            raise UserError(f"give {', '.join(PARTS)}")
        found = self.comparisons()
        if not found:
            command = "python -m exon replicate 'ablation/v2_*' --seeds 11,12,13"
            return [nodes.paragraph("", "", nodes.Text("There is no replication yet: "), nodes.literal("", command))]
        return [node for grid in found for node in PARTS[part](self, grid, found[grid])]

    def comparisons(self) -> dict[str, dict[str, Comparison]]:
        """Grid -> whose -> the comparison, each noted as a dependency of the page."""
        found: dict[str, dict[str, Comparison]] = {}
        root = Path(self.env.srcdir)
        self.env.note_reread()  # a new file in these folders is no change of a file
        for folder, whose in FOLDERS.items():
            for path in sorted((root / folder).glob("*.json")):
                self.env.note_dependency(str(path))
                try:
                    found.setdefault(path.stem, {})[whose] = read(path)
                except UserError as error:
                    self.warn(str(error))
        return found

    def figure(self, name: str, draw: Callable[[], Figure], alt: str, caption: str) -> nodes.figure:
        """A figure as an image of the page, with its caption and a link to the stored runs."""
        stored = linked(self.env, nodes.inline("", "the stored runs"), "all-runs")
        source = nodes.paragraph(
            "", "", nodes.Text("From "), stored, nodes.Text(" and the new ones."), classes=["record"]
        )
        drawing = images(self.env, name, drawn(draw), alt)
        return nodes.figure("", *drawing, nodes.caption("", caption), nodes.legend("", source))


def runs(page: Replication, grid: str, found: dict[str, Comparison]) -> list[nodes.Node]:
    """What each replication consists of and what it came to."""
    shown: list[nodes.Node] = []
    for whose, comparison in found.items():
        items = nodes.bullet_list("", classes=["record"])
        for sentence in sentences(comparison):
            items += nodes.list_item("", nodes.paragraph("", sentence))
        title = f"The grid {grid}, {'kept with this book' if whose != FOLDERS[FOLDER] else whose}:"
        shown += [nodes.paragraph("", "", nodes.strong("", title)), items]
    return shown


def claims(page: Replication, grid: str, found: dict[str, Comparison]) -> list[nodes.Node]:
    """Each claim: what each replication says to it, and what is stored; first those that do not hold on all runs."""
    heads = [*(_named(whose, comparison) for whose, comparison in found.items()), "stored runs", "claim"]
    columns = [{row["name"]: row for row in comparison.claims} for comparison in found.values()]
    rows = []
    for name, row in columns[0].items():
        others = [column.get(name, {}) for column in columns]
        rows.append([*(_verdict(other, "new") for other in others), _verdict(row, "stored"), row["sentence"]])
    rows.sort(key=lambda cells: set(cells[:-1]) == {HOLDS})
    return [table(heads, rows, "record")]


def effects(page: Replication, grid: str, found: dict[str, Comparison]) -> list[nodes.Node]:
    """The ablation's effects on its primary outcomes side by side."""
    shown: list[nodes.Node] = []
    series = _series(found)
    if series.empty:
        return []
    for stratum in series["stratum"].unique():
        chosen = series[series["stratum"] == stratum]
        panels = {outcome: title.replace("(%)", "(% points)") for outcome, title in _panels(chosen["outcome"]).items()}
        on = ", ".join(panels.values())
        alt = f"Simple effects of cross-entropy and KL and their interaction on {on}, with intervals: {_all(chosen)}."
        caption = (
            "Where both intervals of an effect lie on the same side of zero, the new runs repeat it. "
            "A mark is the change when a term is turned on, a line its 95 % interval, cut where no effect can lie."
        )
        draw = partial(forest.forest, panels, TERMS, chosen)
        shown.append(page.figure(f"replication-{grid}-effects-{len(shown)}", draw, alt, caption))
    return shown


def effects_table(page: Replication, grid: str, found: dict[str, Comparison]) -> list[nodes.Node]:
    """The same effects in numbers."""
    shown: list[nodes.Node] = []
    for whose, comparison in found.items():
        rows = [
            [
                ", ".join(filter(None, (row["stratum"], _title(row["outcome"])))),
                TERMS[row["term"]],
                *(_interval(row, name) for name in ("stored", "new")),
                row["agreement"] or "–",
                _within(row),
            ]
            for row in comparison.effects
            if row["outcome"] in PRIMARY
        ]
        heads = ("outcome", "effect of", "stored", _named(whose, comparison), "without zero", "as predicted")
        shown += [table(heads, rows)] if rows else []
    return shown


def outcomes(page: Replication, grid: str, found: dict[str, Comparison]) -> list[nodes.Node]:
    """The headline outcomes of each cell."""
    values = pd.concat(
        pd.DataFrame(comparison.values).replace({"series": {"new": _named(whose, comparison)}})
        for whose, comparison in found.items()
    ).drop_duplicates()
    values = values[values["metric"].isin(HEADLINE)]
    panels = _panels(values["metric"])
    alt = f"{', '.join(panels.values())} of every run in each cell, with the means' intervals, {_all(values)}."
    caption = "Small marks are single runs, large ones their mean with its 95 % interval."
    return [page.figure(f"replication-{grid}-outcomes", partial(figures.outcomes, panels, values), alt, caption)]


def outcomes_table(page: Replication, grid: str, found: dict[str, Comparison]) -> list[nodes.Node]:
    """The same outcomes in numbers."""
    shown: list[nodes.Node] = []
    for whose, comparison in found.items():
        rows = [
            [
                row["cell"],
                _title(row["metric"]),
                *(_mean(row, name) for name in ("stored", "new")),
                _range(row["low"], row["high"], _form(row["metric"])),
                _within(row),
            ]
            for row in comparison.cells
            if row["metric"] in HEADLINE and row["new_n"]
        ]
        heads = ("cell", "outcome", "stored (n)", f"{_named(whose, comparison)} (n)", "predicted", "as predicted")
        shown.append(table(heads, rows))
    return shown


PARTS = {
    "runs": runs,
    "claims": claims,
    "effects": effects,
    "effects-table": effects_table,
    "outcomes": outcomes,
    "outcomes-table": outcomes_table,
}


def _named(whose: str, comparison: Comparison) -> str:
    seeds = ", ".join(map(str, comparison.seeds))
    return f"{whose}: {seeds}" if whose == FOLDERS[FOLDER] else f"seeds {seeds}"


def _series(found: dict[str, Comparison]) -> pd.DataFrame:
    """The effects on primary outcomes, the stored ones once, each with the name of its series."""
    rows = []
    for whose, comparison in found.items():
        for name, series in (("stored", "stored"), ("new", _named(whose, comparison))):
            rows += [
                {key: row[key] for key in ("stratum", "outcome", "term")}
                | {"series": series}
                | {column: row[f"{name}_{column}"] for column in ("effect", "low", "high")}
                for row in comparison.effects
                if row["outcome"] in PRIMARY and row[f"{name}_effect"] is not None
            ]
    return pd.DataFrame(rows).drop_duplicates(["stratum", "outcome", "term", "series"]) if rows else pd.DataFrame()


def _panels(metrics: "pd.Series[str]") -> dict[str, str]:
    """The outcomes of some rows with their titles, in the order of `HEADLINE`."""
    return {metric: _title(metric) for metric in HEADLINE if metric in set(metrics)}


def _title(metric: str) -> str:
    return OUTCOMES[metric][0] if metric in OUTCOMES else {"kl": "KL (nats)"}.get(metric, metric.replace("_", " "))


def _form(metric: str) -> str:
    return OUTCOMES.get(metric, ("", ".2f" if metric == "kl" else ".3f"))[1]


def _all(rows: pd.DataFrame) -> str:
    return " and ".join(rows["series"].unique())


def _verdict(row: dict[str, Any], series: str) -> str:
    """The deciding numbers stand beside what surprises: a claim that does not hold."""
    if not row:
        return "–"
    return HOLDS if row[series] == HOLDS else f"{row[series]} ({row[f'{series}_numbers']})"


def _mean(row: dict[str, Any], series: str) -> str:
    sd = row[f"{series}_sd"]
    mean = with_spread(row[f"{series}_mean"], math.nan if sd is None else sd, _form(row["metric"]))
    return f"{mean} ({row[f'{series}_n']})"


def _interval(row: dict[str, Any], series: str) -> str:
    form = "+" + _form(row["outcome"])
    effect = row[f"{series}_effect"]
    return (
        "–" if effect is None else f"{number(effect, form)} {_range(row[f'{series}_low'], row[f'{series}_high'], form)}"
    )


def _range(low: float | None, high: float | None, form: str) -> str:
    return "–" if low is None else f"[{number(low, form)}, {number(high, form)}]"


def _within(row: dict[str, Any]) -> str:
    return {True: "within", False: "outside", None: "–"}[row["within"]]
