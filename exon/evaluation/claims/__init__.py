"""What is claimed of several runs.

`CLAIMS` has all claims by name; `python -m exon claims` checks them on the stored records, the book on every build.
"""

from functools import cache
from pathlib import Path

import pandas as pd

from exon.errors import UserError
from exon.evaluation.claims.ablation import ABLATION
from exon.evaluation.claims.claim import Claim, Finding, check, ordered
from exon.evaluation.claims.controls import CONTROLS
from exon.evaluation.claims.evidence import (
    BOTH,
    NO_KL,
    authors_kl,
    cardinalities,
    change_without_cross_entropy,
    extremes,
    series,
    v_nat_of_dimensions,
)
from exon.evaluation.claims.first_epochs import FIRST_EPOCHS
from exon.evaluation.claims.over_beta import OVER_BETA
from exon.runs import grid


def falls(means: pd.Series) -> bool:
    """It falls with every step."""
    return means.is_monotonic_decreasing


def rises(means: pd.Series) -> bool:
    """It rises with every step."""
    return means.is_monotonic_increasing


CIFAR10 = "cifar10/beta-*"
CIFAR10_CELLS = "cifar10/beta-0.05_* cifar10/ce-*"

CLAIMS = {
    claim.name: claim
    for claim in (
        *OVER_BETA,
        *ABLATION,
        *CONTROLS,
        *FIRST_EPOCHS,
        Claim(
            "authors-kl-is-exact",
            "The KL of the authors' table is the last point of their curve, corrected, to the decimals they give.",
            "",
            authors_kl,
            lambda kl: ((kl["table"] - kl["curve"]).abs() < 0.005).all(),
        ),
        Claim(
            "cifar10-cardinality-falls",
            "On CIFAR-10 the cardinality of automobiles falls with every step of beta.",
            CIFAR10,
            series("cardinality_automobile"),
            falls,
        ),
        Claim(
            "cifar10-inside-more",
            "On CIFAR-10 noise inside the activated subspace changes an image more than outside, at every beta.",
            CIFAR10,
            series("change_ratio_low"),
            lambda low: low.min() > 1,
        ),
        Claim(
            "cifar10-label-lower",
            "On CIFAR-10 V-nat is lower on the label dimensions than on the others, and below 1, at every beta.",
            CIFAR10,
            v_nat_of_dimensions,
            lambda v_nat: (v_nat["label"] < v_nat["others"]).all() and v_nat["label"].max() < 1,
        ),
        Claim(
            "cifar10-purity",
            "On CIFAR-10 the purity is above 11 % at every beta; chance alone gives 10 %.",
            CIFAR10,
            series("purity_pct"),
            lambda means: means.min() > 11,
        ),
        Claim(
            "cifar10-alike",
            "On CIFAR-10 the mean correlation of V-nat between two classes is above 0.9 at every beta.",
            CIFAR10,
            series("v_nat_correlation"),
            lambda means: means.min() > 0.9,
        ),
        Claim(
            "cifar10-kl-selects",
            "With cross-entropy and no KL all 256 dimensions are activated for every class, with both fewer than half.",
            CIFAR10_CELLS,
            cardinalities,
            lambda c: c["lowest without KL"] == 256 and c["highest with KL"] < 128,
        ),
        Claim(
            "cifar10-kl-lowers-error",
            "On CIFAR-10 every run with both terms has a lower test error than every run without KL.",
            CIFAR10_CELLS,
            extremes("test_error_pct", BOTH, NO_KL),
            ordered,
        ),
        Claim(
            "cifar10-subspace-without-ce",
            "On CIFAR-10 without cross-entropy, noise inside the activated subspace changes an image more than outside.",
            CIFAR10_CELLS,
            change_without_cross_entropy,
            lambda low: low.min() > 1,
        ),
        Claim(
            "diversity-does-not-rise",
            "Negative SSIM along the path between two centers does not rise with every step of their distance.",
            "prior_design",
            series("path_negative_ssim", "distance"),
            lambda means: not rises(means),
        ),
    )
}


def check_all(results: Path) -> list[Finding]:
    """Every claim, decided on the records below a folder such as results/.

    Raises:
        UserError: there is no such folder.
    """
    if not results.is_dir():
        raise UserError(f"{results} is no folder: give one that holds PROFILE/NOTEBOOK/RUN/run.json.")

    @cache
    def folders(names: str) -> list[Path]:
        return [results.joinpath(*run.folder.parts[-3:]) for run in grid.select(names)]

    return [check(claim, folders(claim.runs), folders(claim.further)) for claim in CLAIMS.values()]
