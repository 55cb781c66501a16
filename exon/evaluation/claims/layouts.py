"""What is claimed of layouts of the centers on MNIST."""

from pathlib import Path

import pandas as pd

from exon.evaluation.claims.claim import Claim, ordered
from exon.evaluation.claims.evidence import apart
from exon.evaluation.layouts import summary

RUNS = "layouts"


def assigned_and_own_order(runs: list[Path]) -> pd.Series:
    """Of codes whose label moved: the highest share at the circle's own center of it, the lowest at the one assigned."""
    shares = summary(runs).dropna(subset="assigned_pct")
    return apart(shares["own_order_pct"], shares["assigned_pct"], "circle's own order (%)", "center assigned (%)")


def placement(runs: list[Path]) -> pd.Series:
    """The highest placement error of a layout, and the number of layouts."""
    errors = summary(runs)["placement_error_pct"]
    return pd.Series({"highest": errors.max(), "layouts": errors.index.nunique()})


LAYOUTS = (
    Claim(
        "codes-follow-the-order",
        "In every other order of the circle, more codes of the labels that moved lie nearest to the center assigned than "
        "nearest to the center that the circle's own order has for them, in any run.",
        RUNS,
        assigned_and_own_order,
        ordered,
    ),
    Claim(
        "placed-in-every-layout",
        "At beta 5 the encoder misplaces fewer than one mean in a hundred in every layout.",
        RUNS,
        placement,
        lambda n: n["highest"] < 1,
    ),
)
