"""What is claimed of several runs.

`CLAIMS` has all claims by name; `python -m exon claims` checks them on the stored records, the book on every build.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from exon.errors import UserError
from exon.evaluation.claim import Claim, Finding, check
from exon.evaluation.claims_over_beta import OVER_BETA
from exon.evaluation.evidence import (
    authors_kl,
    cardinalities,
    cell_means,
    change_without_cross_entropy,
    effect,
    errors_by_sci,
    extremes,
    last_cross_entropy,
    path,
    series,
    up_to_full,
    v_nat_of_dimensions,
)
from exon.runs import grid


def one_sided(sign: int) -> Callable[[pd.Series], bool]:
    """The whole interval of an effect lies on one side of zero: sign is 1 or -1."""
    return lambda fit: min(sign * fit["low"], sign * fit["high"]) > 0


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
CIFAR10_CELLS = "cifar10/beta-0.05_* cifar10/ce-*"
BOTH, NO_KL = (True, True), (True, False)

CLAIMS = {
    claim.name: claim
    for claim in (
        *OVER_BETA,
        Claim(
            "ce-lowers-error",
            "Cross-entropy lowers the test error: the 95 % interval of its effect is below zero.",
            V2,
            effect("test_error_pct", "use_cross_entropy"),
            one_sided(-1),
        ),
        Claim(
            "ce-lowers-renamed-error",
            "Cross-entropy lowers the test error after the best renaming of the classes: interval below zero.",
            V2,
            effect("relabelled_error_pct", "use_cross_entropy"),
            one_sided(-1),
        ),
        Claim(
            "ce-raises-purity",
            "Cross-entropy raises the purity: interval above zero.",
            V2,
            effect("purity_pct", "use_cross_entropy"),
            one_sided(+1),
        ),
        Claim(
            "kl-lowers-kl",
            "The KL term lowers the KL of z given the label: interval below zero.",
            V2,
            effect("kl_latent", "use_kl"),
            one_sided(-1),
        ),
        Claim(
            "kl-raises-recon",
            "The KL term raises the reconstruction error: interval above zero.",
            V2,
            effect("recon", "use_kl"),
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
            "Cross-entropy and KL lower the center error together: the interaction's interval is below zero.",
            V2,
            effect("center_error_pct", "interaction"),
            one_sided(-1),
        ),
        Claim(
            "both-for-generation-error",
            "Cross-entropy and KL lower the generation error together: the interaction's interval is below zero.",
            V2,
            effect("generation_error_pct", "interaction"),
            one_sided(-1),
        ),
        Claim(
            "sci-lowers-error",
            "With cross-entropy, KL on or off, every run with SCI has a lower test error than any without.",
            "ablation",
            errors_by_sci,
            lambda e: ordered(e.iloc[:2]) and ordered(e.iloc[2:]),
        ),
        Claim(
            "sci-both-for-center-error",
            "With SCI, the center error with both terms is less than half of that in any other cell.",
            V3,
            cell_means("center_error_pct"),
            lambda means: means["both"] < 0.5 * means.drop("both").min(),
        ),
        Claim(
            "kl-path-center-error",
            "From no KL to the full model the center error falls with every step of the factor on the KL.",
            PATH,
            up_to_full("center_error_pct"),
            falls,
        ),
        Claim(
            "kl-path-generation-error",
            "From no KL to the full model the generation error falls with every step of the factor on the KL.",
            PATH,
            up_to_full("generation_error_pct"),
            falls,
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
    folders: dict[str, list[Path]] = {}
    for names in {names for claim in CLAIMS.values() for names in (claim.runs, claim.further)}:
        folders[names] = [results.joinpath(*run.folder.parts[-3:]) for run in grid.select(names)]
    return [check(claim, folders[claim.runs], folders[claim.further]) for claim in CLAIMS.values()]
