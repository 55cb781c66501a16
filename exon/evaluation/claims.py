"""What is claimed of several runs.

`CLAIMS` has all claims by name; `python -m exon claims` checks them on the stored records, the book on every build.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd

from exon.errors import UserError
from exon.evaluation.claim import Claim, Finding, check
from exon.evaluation.evidence import (
    authors_kl,
    cardinalities,
    cell_means,
    change_without_cross_entropy,
    effects_of,
    errors_by_sci,
    extremes,
    extremes_by_kl,
    kl_at,
    last_cross_entropy,
    path,
    series,
    v_nat_of_dimensions,
)
from exon.runs import grid


def one_sided(sign: int) -> Callable[[pd.Series], bool]:
    """All of some intervals lie on one side of zero: sign is 1 or -1."""
    return lambda ends: (sign * ends).min() > 0


def holds_zero(ends: pd.Series) -> bool:
    """Zero lies in an interval."""
    return ends.min() < 0 < ends.max()


def falls(means: pd.Series) -> bool:
    """It falls with every step."""
    return means.is_monotonic_decreasing


def rises(means: pd.Series) -> bool:
    """It rises with every step."""
    return means.is_monotonic_increasing


def ordered(pair: pd.Series) -> bool:
    """The first is below the second."""
    return pair.iloc[0] < pair.iloc[1]


V2, V3, PATH, CIFAR10 = "ablation/v2_*", "ablation/v3_*", "ablation/v2_* ablation_paths", "cifar10/beta-*"
V3_SEEDS, PATH_SEEDS = "ablation_seeds/v3_*", "ablation_seeds/kl_weight-*"
CIFAR10_CELLS = "cifar10/beta-0.05_* cifar10/ce-*"
BOTH, NO_KL = (True, True), (True, False)

CLAIMS = {
    claim.name: claim
    for claim in (
        Claim("kl-falls", "KL falls with every step of beta.", "beta", series("kl"), falls),
        Claim(
            "ssim-lowest-at-50",
            "Negative SSIM of the decoded grid is lowest at beta 50.",
            "beta",
            series("negative_ssim"),
            lambda means: means.idxmin() == 50.0,
        ),
        Claim(
            "generation-lowest-at-5",
            "Of all beta, 5 has the lowest mean generation error.",
            "beta",
            series("generation_error_pct"),
            lambda means: means.idxmin() == 5.0,
        ),
        Claim("v-nat-falls", "V-nat falls with every step of beta.", "beta", series("v_nat"), falls),
        Claim(
            "in-place-from-5",
            "From beta 5 on the center error stays below 15 %.",
            "beta",
            series("center_error_pct"),
            lambda means: means[5.0:].max() < 15,
        ),
        Claim(
            "out-of-place-at-0.1",
            "At beta 0.1 the center error is above 40 %.",
            "beta",
            series("center_error_pct"),
            lambda means: means[0.1] > 40,
        ),
        Claim(
            "clouds-everywhere",
            "At every beta the purity is above 75 %.",
            "beta",
            series("purity_pct"),
            lambda means: means.min() > 75,
        ),
        Claim(
            "little-left-at-50",
            "At beta 50 the KL of z given the label is less than a hundredth of the KL.",
            "beta",
            kl_at(50.0),
            lambda kl: kl["kl_latent"] < 0.01 * kl["kl"],
        ),
        Claim(
            "ce-lowers-error",
            "Cross-entropy lowers the test error, with KL on and off: both corrected intervals are below zero.",
            V2,
            effects_of("test_error_pct", "cross-entropy, KL on", "cross-entropy, KL off"),
            one_sided(-1),
        ),
        Claim(
            "ce-lowers-renamed-error",
            "Cross-entropy lowers the test error after the best renaming of the classes, with KL on and off "
            "(95 % intervals, not corrected).",
            V2,
            effects_of("relabelled_error_pct", "cross-entropy, KL on", "cross-entropy, KL off"),
            one_sided(-1),
        ),
        Claim(
            "ce-raises-purity",
            "Cross-entropy raises the purity, with KL on and off: both corrected intervals are above zero.",
            V2,
            effects_of("purity_pct", "cross-entropy, KL on", "cross-entropy, KL off"),
            one_sided(+1),
        ),
        Claim(
            "kl-leaves-purity",
            "With cross-entropy on, the corrected interval of the KL's effect on the purity holds zero.",
            V2,
            effects_of("purity_pct", "KL, cross-entropy on"),
            holds_zero,
        ),
        Claim(
            "kl-lowers-purity",
            "With cross-entropy off, KL lowers the purity: the corrected interval is below zero.",
            V2,
            effects_of("purity_pct", "KL, cross-entropy off"),
            one_sided(-1),
        ),
        Claim(
            "kl-lowers-kl",
            "With cross-entropy on, every run with KL has a lower KL of z given the label than every run without.",
            V2,
            extremes("kl_latent", BOTH, NO_KL),
            ordered,
        ),
        Claim(
            "kl-raises-recon",
            "The KL term raises the reconstruction error, with cross-entropy on and off (95 % intervals, not corrected).",
            V2,
            effects_of("recon", "KL, cross-entropy on", "KL, cross-entropy off"),
            one_sided(+1),
        ),
        Claim(
            "kl-costs-error",
            "With cross-entropy on, every run without KL has a lower test error than every run with it.",
            V2,
            extremes("test_error_pct", NO_KL, BOTH),
            ordered,
        ),
        Claim(
            "both-for-center-error",
            "Each term lowers the center error while the other is on: both corrected intervals are below zero.",
            V2,
            effects_of("center_error_pct", "KL, cross-entropy on", "cross-entropy, KL on"),
            one_sided(-1),
        ),
        Claim(
            "both-for-generation-error",
            "Each term lowers the generation error while the other is on: both corrected intervals are below zero.",
            V2,
            effects_of("generation_error_pct", "KL, cross-entropy on", "cross-entropy, KL on"),
            one_sided(-1),
        ),
        Claim(
            "sci-lowers-error",
            "With cross-entropy, KL on or off, every run with SCI has a lower test error than any without.",
            "ablation",
            errors_by_sci,
            lambda e: ordered(e.iloc[:2]) and ordered(e.iloc[2:]),
            V3_SEEDS,
        ),
        Claim(
            "sci-both-for-center-error",
            "With SCI, the center error with both terms is less than half of that in any other cell.",
            V3,
            cell_means("center_error_pct"),
            lambda means: means["both"] < 0.5 * means.drop("both").min(),
            V3_SEEDS,
        ),
        Claim(
            "kl-path-center-error",
            "Every run of the full model has a lower center error than every run with at most a tenth of its KL.",
            PATH,
            extremes_by_kl("center_error_pct", (1.0, 1.0), (0.0, 0.1)),
            ordered,
            PATH_SEEDS,
        ),
        Claim(
            "kl-path-generation-error",
            "Every run of the full model has a lower generation error than every run with at most a tenth of its KL.",
            PATH,
            extremes_by_kl("generation_error_pct", (1.0, 1.0), (0.0, 0.1)),
            ordered,
            PATH_SEEDS,
        ),
        Claim(
            "ten-times-kl-lowers-error",
            "Every run with ten times the KL has a lower test error than every run of the full model.",
            PATH,
            extremes_by_kl("test_error_pct", (10.0, 10.0), (1.0, 1.0)),
            ordered,
            PATH_SEEDS,
        ),
        Claim(
            "lambda1-not-heard",
            "Up to lambda1 = 100 most test images are misclassified, from 1000 on most are not.",
            PATH,
            path("test_error_pct", "lambda1"),
            lambda errors: errors[:100.0].min() > 50 > errors[1000.0:].max(),
        ),
        Claim(
            "lambda1-explodes",
            "Up to lambda1 = 100 the labelled images' cross-entropy ends above a hundred nats.",
            "ablation_paths/lambda1-*",
            last_cross_entropy,
            lambda last: last.min(skipna=False) > 100,
        ),
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
