"""Runs on CIFAR-10 beside the authors' at the same training step."""

from pathlib import Path

import pandas as pd

from exon.errors import UserError
from exon.evaluation import reference
from exon.experiment import Experiment
from exon.runs import record

TRAINING_IMAGES = 50_000
AUTHORS_STEPS = TRAINING_IMAGES // 128  # of one of their epochs


def steps_of(experiment: Experiment) -> int:
    """Training steps of a whole run."""
    return experiment.epochs * (TRAINING_IMAGES // experiment.batch_size)


def authors_by_step(beta: float) -> pd.DataFrame:
    """The authors' test curve at a beta, the mean of their runs: columns step and those of `reference.curve`.

    Raises:
        UserError: they ran no such beta.
    """
    curve = reference.curve(Experiment.create(dataset="cifar10", profile="paper", beta=beta))
    if curve is None:
        raise UserError(f"the authors ran no beta {beta:g} on CIFAR-10")
    return curve.assign(step=curve["epoch"] * AUTHORS_STEPS)


def authors_error_at(beta: float, steps: int) -> float:
    """Their test error in percent after the epoch of theirs that ends nearest to a step."""
    curve = authors_by_step(beta)
    return float(curve["test_error_pct"].iloc[(curve["step"] - steps).abs().argmin()])


def curves(runs: list[Path]) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """The learning curves of some runs at one beta, by `scale`, and the authors' over the same steps: columns step and the test
    terms.
    """
    here = {}
    for run in runs:
        experiment, history = record.experiment_of(run), pd.read_csv(run / "history.csv")
        here[scale(experiment)] = history.assign(step=history["epoch"] * (TRAINING_IMAGES // experiment.batch_size))
    authors = authors_by_step(experiment.beta)
    last = max(history["step"].max() for history in here.values())
    return here, authors[authors["step"] <= last + AUTHORS_STEPS]


def scale(experiment: Experiment) -> str:
    """How large a run is, in the words of a legend and of the page."""
    name = "wide" if experiment.width == 1 else "long" if experiment.profile == "day" else "small"
    return f"{name} run (width {experiment.width:g}, {experiment.epochs} epochs)"
