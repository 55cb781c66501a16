"""What is claimed of the runs on CIFAR-10, small ones and wide ones, which have the authors' networks."""

import pandas as pd

from exon.evaluation.claims.claim import Claim, ordered
from exon.evaluation.claims.evidence import (
    BOTH,
    NO_KL,
    cardinalities,
    change_without_cross_entropy,
    extremes,
    last_of,
    metrics_apart,
    of_each,
    series,
    smallest_quotient,
    spans,
    v_nat_of_dimensions,
)

PATH = "cifar10/beta-*"
CELLS = "cifar10/beta-0.05_* cifar10/ce-*"

SMALL = "cifar10/beta-0.05_*"
LONG = "cifar10_day"
SMALL_AT_A_THIRD = "cifar10_without_kl/ce-true_kl-true_lr-0.001*"
SMALL_SHORT = "cifar10_short/recipe-short_ce-true_kl-true_*"
SHORT_OF_OTHER_SEEDS = "cifar10_short_seeds/recipe-short_ce-true_kl-true_*"
SHORT_AT_OTHER_BETAS = "cifar10_short/recipe-short_beta-*"
SEVERAL_SMALL = f"{SMALL} {SMALL_AT_A_THIRD} {SMALL_SHORT} {SHORT_OF_OTHER_SEEDS}"
SHOWN = f"{SMALL} cifar10_gpu/beta-0.05_*"
WIDE_PATH = "cifar10_gpu/beta-*"
WIDE_WITH_BOTH = f"{WIDE_PATH} cifar10_gpu/sci-false_*"
WITHOUT_SCI = "cifar10_gpu/beta-0.05_* cifar10_gpu/sci-false_*"
WIDE = "cifar10_gpu/beta-0.05_* cifar10_gpu/ce-true_kl-false_*"


TRAITS = ("brightness", "contrast", "warmth")


def falls(means: "pd.Series[float]") -> bool:
    """Every number is below the one before."""
    return bool((means.diff().dropna() < 0).all())


def rises(means: "pd.Series[float]") -> bool:
    """Every number is above the one before."""
    return bool((means.diff().dropna() > 0).all())


def overlapping(ends: "pd.Series[float]") -> bool:
    """No group lies wholly below another."""
    return bool(ends.xs("lowest", level=1).max() <= ends.xs("highest", level=1).min())


def more_than_random(n: "pd.Series[float]") -> bool:
    """In every run the numerator is larger."""
    return bool(n["smallest"] > 1)


def selected_by_kl(c: "pd.Series[float]") -> bool:
    """At least 255 of 256 dimensions are activated for every class without KL, fewer than half with it."""
    return bool(c["lowest without KL"] >= 255 and c["highest with KL"] < 128)


CIFAR10 = (
    Claim(
        "cifar10-not-by-size",
        "With both terms, noise in the activated dimensions changes a pixel more than noise in as many random ones, each divided "
        "by the change that the same noise makes in all other dimensions: in every run that measured it.",
        f"{SMALL} {LONG} {SMALL_AT_A_THIRD} {WIDE_WITH_BOTH} cifar10_ladder {SHORT_OF_OTHER_SEEDS} {SHORT_AT_OTHER_BETAS}",
        smallest_quotient("rms_ratio_at_1", "rms_ratio_random"),
        more_than_random,
    ),
    Claim(
        "cifar10-redrawn",
        "In the small runs with both terms that measured it and in the long one, another draw of the activated dimensions "
        "changes an image more than another draw of as many random ones, each divided by the change by another draw of all other "
        "dimensions.",
        f"{SEVERAL_SMALL} {LONG} {SHORT_AT_OTHER_BETAS}",
        smallest_quotient("redrawn_rms_ratio_at_1", "redrawn_rms_ratio_random"),
        more_than_random,
    ),
    Claim(
        "cifar10-placed",
        "On CIFAR-10 at beta 0.05 the placement error is below the center error of draws from the prior.",
        SHOWN,
        metrics_apart("placement_error_pct", "center_error_floor_pct"),
        ordered,
    ),
    Claim(
        "cifar10-uncertain",
        "On CIFAR-10 at beta 0.05 the placement error is below the label uncertainty.",
        SHOWN,
        metrics_apart("placement_error_pct", "label_uncertainty_pct"),
        ordered,
    ),
    Claim(
        "cifar10-label-dimensions-tell-more",
        "In the small runs at beta 0.05 with both terms, but for the first rung of the ladder, a linear classifier finds the "
        "label more often in the ten label dimensions than in the activated others.",
        f"{SMALL} {SMALL_AT_A_THIRD} {SHORT_OF_OTHER_SEEDS} cifar10_ladder/[2-9]_*",
        metrics_apart("probe_activated_pct", "probe_label_pct"),
        ordered,
    ),
    Claim(
        "cifar10-activated-tell-traits",
        "In the small runs at beta 0.05 with both terms that measured it, each trait correlates more with its mean over the "
        "nearest codes of the same label in the activated dimensions than in all others.",
        SEVERAL_SMALL,
        of_each(TRAITS, lambda trait: metrics_apart(f"rest_trait_{trait}", f"activated_trait_{trait}")),
        lambda n: all(ordered(n[trait]) for trait in TRAITS),
    ),
    Claim(
        "cifar10-neighbours-in-label-dimensions",
        "In the small runs at beta 0.05 with both terms that measured it, the purity in the label dimensions is above that in "
        "the activated others.",
        SEVERAL_SMALL,
        metrics_apart("purity_activated_pct", "purity_label_pct"),
        ordered,
    ),
    Claim(
        "cifar10-cardinality-falls",
        "In the small runs on CIFAR-10 with both terms and the authors' recipe, the cardinality of automobiles falls with every "
        "step of beta.",
        PATH,
        series("cardinality_automobile"),
        falls,
    ),
    Claim(
        "cifar10-inside-more",
        "In the small runs on CIFAR-10 with both terms and the authors' recipe, noise inside the activated subspace changes an "
        "image more than outside, at every beta.",
        PATH,
        series("change_ratio_low"),
        lambda low: low.min() > 1,
    ),
    Claim(
        "cifar10-label-lower",
        "In the small runs on CIFAR-10 with both terms and the authors' recipe, the mean V-nat of the label dimensions is below "
        "that of the others, and below 1, at every beta.",
        PATH,
        v_nat_of_dimensions,
        lambda v_nat: (v_nat["label"] < v_nat["others"]).all() and v_nat["label"].max() < 1,
    ),
    Claim(
        "cifar10-purity",
        "In the small runs on CIFAR-10 with both terms and the authors' recipe, the purity is above 11 % at every beta; chance "
        "alone gives 10 %.",
        PATH,
        series("purity_pct"),
        lambda means: means.min() > 11,
    ),
    Claim(
        "cifar10-alike",
        "In the small runs on CIFAR-10 with both terms and the authors' recipe, the mean correlation of V-nat between two "
        "classes is above 0.9 at every beta.",
        PATH,
        series("v_nat_correlation"),
        lambda means: means.min() > 0.9,
    ),
    Claim(
        "cifar10-kl-selects",
        "In the small runs on CIFAR-10 with the authors' recipe, with cross-entropy and no KL at three times their learning rate "
        "all 256 dimensions are activated for every class, with both fewer than half.",
        CELLS,
        cardinalities,
        lambda c: c["lowest without KL"] == 256 and c["highest with KL"] < 128,
    ),
    Claim(
        "cifar10-kl-lowers-error",
        "In the small runs on CIFAR-10 with the authors' recipe, at three times their learning rate, the run with both terms has "
        "a lower test error than that without KL.",
        CELLS,
        extremes("test_error_pct", BOTH, NO_KL),
        ordered,
    ),
    Claim(
        "cifar10-rate-without-kl",
        "In the small runs on CIFAR-10 with cross-entropy, no KL and the authors' recipe, every one at the authors' learning "
        "rate has a lower test error than that at three times it.",
        "cifar10/ce-true_kl-false_* cifar10_without_kl/ce-true_kl-false_lr-0.001*",
        extremes("test_error_pct", 0.001, 0.003, by="learning_rate"),
        ordered,
    ),
    Claim(
        "cifar10-error-overlaps-at-a-third",
        "In the small runs on CIFAR-10 with the authors' recipe and learning rate, the test errors with both terms and without "
        "KL overlap.",
        "cifar10_without_kl/ce-true_kl-*_lr-0.001*",
        spans("test_error_pct", BOTH, NO_KL),
        overlapping,
    ),
    Claim(
        "cifar10-wide-error",
        "On CIFAR-10 at beta 0.05, every run with networks of the authors' width has a test error of 15 % or less.",
        "cifar10_gpu/beta-0.05_*",
        last_of("test_error_pct"),
        lambda n: n["test_error_pct"] <= 15,
    ),
    Claim(
        "cifar10-wide-kl-selects",
        "On CIFAR-10 at the authors' width and beta 0.05, with cross-entropy and no KL at least 255 of 256 dimensions are "
        "activated for every class, with both fewer than half.",
        WIDE,
        cardinalities,
        selected_by_kl,
    ),
    Claim(
        "cifar10-wide-kl-lowers-error",
        "On CIFAR-10 at the authors' width and learning rate, the run with both terms has a lower test error than without KL.",
        WIDE,
        extremes("test_error_pct", BOTH, NO_KL),
        ordered,
    ),
    Claim(
        "cifar10-wide-cardinality-falls",
        "On CIFAR-10 at the authors' width, the cardinality of automobiles falls with every step of beta.",
        WIDE_PATH,
        series("cardinality_automobile"),
        falls,
    ),
    Claim(
        "cifar10-wide-recon-rises",
        "On CIFAR-10 at the authors' width, the reconstruction error rises with every step of beta.",
        WIDE_PATH,
        series("recon"),
        rises,
    ),
    Claim(
        "cifar10-wide-errs-more-at-1",
        "On CIFAR-10 at the authors' width, the test error at beta 1 is above that of every run at beta 0.05.",
        WIDE_PATH,
        extremes("test_error_pct", 0.05, 1.0, by="beta"),
        ordered,
    ),
    Claim(
        "cifar10-sci-lowers-error",
        "On CIFAR-10 at the authors' width and beta 0.05, with both terms, every run with SCI has a lower test error than that "
        "without.",
        WITHOUT_SCI,
        extremes("test_error_pct", True, False, by="use_sci"),
        ordered,
    ),
    Claim(
        "cifar10-softer-without-sci",
        "On CIFAR-10 at the authors' width and beta 0.05, with both terms, the KL of the label is lower in the run without SCI "
        "than in every run with it.",
        WITHOUT_SCI,
        extremes("kl_label", False, True, by="use_sci"),
        ordered,
    ),
    Claim(
        "cifar10-certain-of-augmented-images",
        "On CIFAR-10 at the authors' width, in the last epoch of every run with both terms, the cross-entropy of augmented "
        "labelled images is below 0.02 nats, and the KL of the label of clean images, a quarter of them labelled, below 0.5.",
        WIDE_WITH_BOTH,
        last_of("train_cross_entropy", "train_kl_label"),
        lambda n: n["train_cross_entropy"] < 0.02 and n["train_kl_label"] < 0.5,
    ),
    Claim(
        "cifar10-subspace-without-ce",
        "On CIFAR-10 without cross-entropy, noise inside the activated subspace changes an image more than outside.",
        CELLS,
        change_without_cross_entropy,
        lambda low: low.min() > 1,
    ),
)
