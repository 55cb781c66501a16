"""The full model on MNIST beside its controls: what the prior's many centers, the bound and the unlabelled images do."""

from pathlib import Path

import pandas as pd
from docutils import nodes

from exon.evaluation.tables import outcomes
from exon_book.reading import GridDirective
from exon_book.tables import table, with_spread

FULL, ONE_CENTER, ALONE, SUPERVISED = "full model", "one center for all labels", "classifier alone", "supervised only"
MEASURED = {
    "test_error_pct": ("test error (%)", ".2f"),
    "purity_pct": ("purity (%)", ".1f"),
    "center_error_pct": ("center error (%)", ".1f"),
    "generation_error_pct": ("generation error (%)", ".1f"),
}


def kind(run: pd.Series) -> str:
    """Which of the four a run is."""
    if run["use_elbo"]:
        return ONE_CENTER if run["prior"] == "single" else FULL
    return ALONE if run["use_sci"] else SUPERVISED


class Controls(GridDirective):
    """{controls} GRIDS: mean and standard deviation over the runs of the full model and of each control; dashes where none is."""

    def made_of(self, runs: list[Path]) -> list[nodes.Node]:
        measured = outcomes(runs)
        kinds = measured.apply(kind, axis=1)
        rows = []
        for name in (FULL, ONE_CENTER, ALONE, SUPERVISED):
            own = measured[kinds == name].reindex(columns=list(MEASURED))
            numbers = [
                with_spread(own[metric].mean(), own[metric].std(), form) for metric, (_, form) in MEASURED.items()
            ]
            rows.append([name, str(len(own)), *numbers])
        return [table(["", "n", *(title for title, _ in MEASURED.values())], rows), self.origin(runs)]
