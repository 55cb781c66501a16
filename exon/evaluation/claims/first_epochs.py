"""What is claimed of the first epochs on MNIST."""

from pathlib import Path

import pandas as pd

from exon.evaluation.claims.claim import Claim
from exon.evaluation.first_epochs import EPOCHS, summary

SMALLEST = "first_epochs/first_beta-0.1_*"


def authors_and_interval(runs: list[Path]) -> pd.Series:
    """At beta 0.1: the authors' KL of z given the label, between the ends of the interval of one more run."""
    return summary(runs).T[0.1][["low", "authors", "high", "n"]]


def components_away(runs: list[Path]) -> pd.Series:
    """At beta 0.1: of ten components, the mean number away from their center after the first epoch and later."""
    return summary(runs).T[0.1][["left_first", "left", "n_left"]]


FIRST_EPOCHS = (
    Claim(
        "authors-within-seeds",
        f"After epoch {EPOCHS} the authors' KL of z given the label at beta 0.1 lies in the 95 % interval of one more run.",
        SMALLEST,
        authors_and_interval,
        lambda n: n["low"] <= n["authors"] <= n["high"],
        further="beta/beta-0.1_* beta_seeds/beta-0.1_*",
    ),
    Claim(
        "components-leave-at-once",
        "At beta 0.1, on average eight of ten components or more are half way to the next center or farther after the "
        f"first epoch, and no more of them after epoch {EPOCHS}.",
        SMALLEST,
        components_away,
        lambda n: n["left_first"] >= 8 and n["left"] <= n["left_first"],
    ),
)
