"""A replication: the runs of a grid once more with new seeds, in a folder of their own, beside the stored ones."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exon.errors import UserError
from exon.files import OWN, from_root
from exon.runs import grid, sweep
from exon.runs.screen import print_table

if TYPE_CHECKING:
    from exon.evaluation.comparison import Comparison

FOLDER = OWN / "replication"
"""The root of one's own replications, with <profile>/<notebook>/<run> below it, and <grid>.json for the comparison."""


def prepare(name: str, profile: str | None, seeds: str, settings: Sequence[str], root: Path) -> dict[str, str]:
    """Which runs a replication needs, as `exon.runs.sweep.run` takes it; nothing needs to have run yet.

    Raises:
        UserError: the stored grid has one of the seeds, the cells could not be compared, the folder is that of the stored
            runs, or what `exon.runs.grid.load` raises.
    """
    from exon.evaluation import replication

    if not seeds:
        raise UserError("A replication needs seeds: give some that the grid does not have, as --seeds 11,12,13.")
    place, stored_root = from_root(root).resolve(), from_root("results").resolve()
    if place.is_relative_to(stored_root) and not {"own", "replication"}.intersection(
        place.relative_to(stored_root).parts[:1]
    ):
        raise UserError(f"out = {root} holds stored runs: give another folder, as {FOLDER}.")
    choice = sweep.choice(name, profile, seeds, settings, root)
    stored, (_, new) = grid.select(name), sweep.chosen(choice)
    taken = {run.experiment.seed for run in stored} & {run.experiment.seed for run in new}
    if taken:
        words = ", ".join(map(str, sorted(taken)))
        raise UserError(f"seeds = {words} are in the stored grid {name} already: a replication needs new ones.")
    replication.told_apart(name, stored, new)
    return choice


def compare(choice: dict[str, str]) -> "Comparison":
    """The comparison with what is finished of a replication, written into its folder.

    Raises:
        UserError: nothing is finished.
    """
    from exon.evaluation import replication

    asked = sweep.asked(choice)
    comparison = replication.compare(choice["grid"], asked)
    comparison.write(from_root(asked.root))
    return comparison


def report(comparison: "Comparison") -> None:
    """Print a comparison: headline outcomes of each cell, effects on primary ones, claims, and what they come to."""
    from exon.evaluation.comparison import sentences
    from exon.evaluation.primary import PRIMARY
    from exon.runs.verify import HEADLINE

    cells = [
        (row["cell"], row["metric"], _mean(row, "stored"), _mean(row, "new"), _interval(row, "", ""), _within(row))
        for row in comparison.cells
        if row["metric"] in HEADLINE
    ]
    print_table(("cell", "outcome", "stored", "new", "predicted for the new mean", ""), cells, "Outcomes")
    effects = [
        (
            ", ".join(filter(None, (row["stratum"], row["outcome"]))),
            row["term"],
            *_effects(row),
            row["agreement"] or "",
            _within(row),
        )
        for row in comparison.effects
        if row["outcome"] in PRIMARY
    ]
    if effects:
        heads = ("outcome", "effect of", "stored [95 %]", "new [95 %]", "seen", "new as predicted")
        print_table(heads, effects, "Effects")
    claims = [
        (row["sentence"], row["stored"], row["stored_numbers"], row["new"], row["new_numbers"])
        for row in comparison.claims
    ]
    print_table(("claim", "stored", "", "new", ""), claims, "Claims", lines=True)
    print(*sentences(comparison), sep="\n")


def _mean(row: dict[str, float], series: str) -> str:
    mean, sd, n = (row[f"{series}_{name}"] for name in ("mean", "sd", "n"))
    return "–" if mean is None else f"{mean:.4g} (n = {n})" if sd is None else f"{mean:.4g} ± {sd:.2g} (n = {n})"


def _interval(row: dict[str, float], prefix: str, missing: str) -> str:
    low, high = row[f"{prefix}low"], row[f"{prefix}high"]
    return missing if low is None else f"[{low:.4g}, {high:.4g}]"


def _effects(row: dict[str, float]) -> Iterator[str]:
    for series in ("stored", "new"):
        effect = row[f"{series}_effect"]
        yield "–" if effect is None else f"{effect:+.4g} {_interval(row, f'{series}_', '')}"


def _within(row: dict[str, bool | None]) -> str:
    return {True: "within", False: "outside", None: ""}[row["within"]]
