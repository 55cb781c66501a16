"""The full model on MNIST and its controls: what the prior's many centers, the bound and the unlabelled images do."""

import pandas as pd

FULL, ONE_CENTER, ALONE, SUPERVISED = "full model", "one center for all labels", "classifier alone", "supervised only"
KINDS = FULL, ONE_CENTER, ALONE, SUPERVISED


def kind(run: pd.Series) -> str:
    """Which of `KINDS` a run is.

    Args:
        run: its settings (a row of `exon.evaluation.tables.outcomes`).
    """
    if run["use_elbo"]:
        return ONE_CENTER if run["prior"] == "single" else FULL
    return ALONE if run["use_sci"] else SUPERVISED
