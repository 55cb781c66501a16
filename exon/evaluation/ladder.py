"""The ladder of settings for short CIFAR-10 runs: one change at a time, each decided on the validation images."""

from pathlib import Path

import pandas as pd

from exon.errors import UserError
from exon.experiment import Experiment
from exon.runs import record

FOR_IMAGES, OF_THE_METHOD = "autoencoder_width", "averaged_pseudo_labels"
"""Settings whose rungs have rules of their own."""
TOLERATED, WORTH = 0.5, 1.0
"""Points of validation error: what a rung for the images may cost, what a departure from the method must gain."""
SCALE = ("epochs", "profile", "recipe")
"""What says how long a rung trains, or from where it has its settings: no change by itself."""


def rungs(runs: list[Path]) -> pd.DataFrame:
    """A row for each run, from the lowest rung to the highest, each held against the last one below it that was kept.

    Columns run, changes (the settings that differ, name -> value; none of the lowest), epochs, validation_error_pct,
    test_error_pct, recon, gain (points of validation error below that rung) and kept. A rung is kept if it gains. One that
    changes `FOR_IMAGES` is kept if its reconstruction is lower and it loses less than `TOLERATED` points; one that changes
    `OF_THE_METHOD` if it gains more than `WORTH`.

    Args:
        runs: the folder of the rung at the bottom, and those of the others in any order: their names begin with their number.

    Raises:
        UserError: the first run is a rung with a number.
    """
    bottom, *others = runs
    if bottom.name[0].isdecimal():
        raise UserError(f"the ladder has no bottom: its first run is {bottom.name}")
    rows: list[dict[str, object]] = []
    below: tuple[Experiment, dict[str, float]] | None = None
    for run in [bottom, *sorted(others, key=_number)]:
        content = record.read(run)
        experiment, metrics = Experiment(**content["experiment"]), content["metrics"]
        changes, gain, kept = {}, float("nan"), True
        if below is not None:
            changes = _changes(experiment, below[0])
            gain = below[1]["validation_error_pct"] - metrics["validation_error_pct"]
            kept = gain > 0
            if FOR_IMAGES in changes:
                kept = metrics["recon"] < below[1]["recon"] and gain > -TOLERATED
            if OF_THE_METHOD in changes:
                kept = gain > WORTH
        if kept:
            below = experiment, metrics
        measured = {name: metrics[name] for name in ("validation_error_pct", "test_error_pct", "recon")}
        rows.append(
            {"run": run, "changes": changes, "epochs": experiment.epochs, **measured, "gain": gain, "kept": kept}
        )
    return pd.DataFrame(rows)


def _number(run: Path) -> int:
    return int(run.name.partition("_")[0])


def _changes(rung: Experiment, below: Experiment) -> dict[str, object]:
    here, there = rung.model_dump(exclude=set(SCALE)), below.model_dump(exclude=set(SCALE))
    return {name: value for name, value in here.items() if value != there[name]}
