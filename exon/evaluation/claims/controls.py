"""What is claimed of the full model on MNIST beside its controls at beta 5: of every run."""

from pathlib import Path

import pandas as pd

from exon.evaluation.claims.claim import Claim, ordered
from exon.evaluation.claims.evidence import Evidence, apart
from exon.evaluation.controls import ALONE, FULL, ONE_CENTER, SUPERVISED, kind
from exon.evaluation.tables import outcomes

RUNS = "beta/beta-5_seed-1 beta_seeds/beta-5_seed-? controls"


def between(metric: str, lower: str, higher: str) -> Evidence:
    """The metric's highest value over the runs of one kind, and its lowest over those of another, with their numbers."""

    def evidence(runs: list[Path]) -> pd.Series:
        table = outcomes(runs)
        values = table.groupby(table.apply(kind, axis=1))[metric]
        low, high = values.get_group(lower), values.get_group(higher)
        return apart(low, high, f"{lower} (n = {len(low)})", f"{higher} (n = {len(high)})")

    return evidence


def _claim(name: str, sentence: str, metric: str, lower: str, higher: str) -> Claim:
    return Claim(name, sentence, RUNS, between(metric, lower, higher), ordered)


CONTROLS = (
    _claim(
        "ten-centers-separate",
        "At beta 5 every run has a higher purity than every run with one center for all labels.",
        "purity_pct",
        ONE_CENTER,
        FULL,
    ),
    _claim(
        "classifier-alone-errs-less",
        "At beta 5 every run has a higher test error than every run of the classifier alone.",
        "test_error_pct",
        ALONE,
        FULL,
    ),
    _claim(
        "unlabelled-images-help",
        "The test error of every run with cross-entropy and SCI is below that of every run with cross-entropy alone.",
        "test_error_pct",
        ALONE,
        SUPERVISED,
    ),
    _claim(
        "full-model-beats-supervision",
        "At beta 5 every run has a lower test error than every run with cross-entropy alone.",
        "test_error_pct",
        FULL,
        SUPERVISED,
    ),
)
