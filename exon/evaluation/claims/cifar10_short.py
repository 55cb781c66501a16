"""What is claimed of the small runs on CIFAR-10 with the recipe "short", which the grid `cifar10_short` declares."""

from exon.evaluation.claims.cifar10 import (
    SHORT_AT_OTHER_BETAS,
    SMALL_SHORT,
    falls,
    more_than_random,
    rises,
    selected_by_kl,
)
from exon.evaluation.claims.claim import Claim
from exon.evaluation.claims.evidence import (
    BOTH,
    NO_KL,
    cardinalities,
    differences,
    extremes,
    ranges,
    series,
    smallest_quotient,
)

CELLS = "cifar10_short/recipe-short_ce-*"
WITH_KL = "cifar10_short/recipe-short_ce-*_kl-true_*"
PATH = f"{SMALL_SHORT} {SHORT_AT_OTHER_BETAS}"

CIFAR10_SHORT = (
    Claim(
        "cifar10-short-errors-alike",
        'On CIFAR-10 at beta 0.05 with the recipe "short", the test errors of the small runs with both terms and without KL '
        "differ by less than a point.",
        CELLS,
        extremes("test_error_pct", BOTH, NO_KL),
        lambda pair: abs(pair.iloc[1] - pair.iloc[0]) < 1,
    ),
    Claim(
        "cifar10-short-kl-selects",
        'In the small runs on CIFAR-10 at beta 0.05 with the recipe "short", with cross-entropy and no KL at least 255 of 256 '
        "dimensions are activated for every class, with both fewer than half.",
        CELLS,
        cardinalities,
        selected_by_kl,
    ),
    Claim(
        "cifar10-short-not-by-size",
        'In the small runs on CIFAR-10 with the recipe "short" and KL, with cross-entropy or without, noise in the '
        "activated dimensions changes a pixel more than noise in as many random ones, each divided by the change that the same "
        "noise makes in all others.",
        f"{WITH_KL} {SHORT_AT_OTHER_BETAS}",
        smallest_quotient("rms_ratio_at_1", "rms_ratio_random"),
        more_than_random,
    ),
    Claim(
        "cifar10-short-scores",
        'In the small runs on CIFAR-10 at beta 0.05 with the recipe "short", a classifier trained on drawn images is right for '
        "less than 20 % of the real ones, with cross-entropy and KL on or off.",
        CELLS,
        ranges("accuracy_score_generated_pct", (0.05, 0.05)),
        lambda n: n["beta 0.05", "highest"] < 20,
    ),
    Claim(
        "cifar10-short-cardinality-falls",
        'In the small runs on CIFAR-10 with both terms and the recipe "short", the cardinality of automobiles '
        "falls with every step of beta.",
        PATH,
        series("cardinality_automobile"),
        falls,
    ),
    Claim(
        "cifar10-short-recon-rises",
        'In the small runs on CIFAR-10 with both terms and the recipe "short", the reconstruction error rises '
        "with every step of beta.",
        PATH,
        series("recon"),
        rises,
    ),
    Claim(
        "cifar10-short-errs-less",
        'On CIFAR-10 at every beta, the test error of the small run with the recipe "short" is below that of the small run with '
        "the authors' recipe.",
        f"{PATH} cifar10/beta-*",
        differences("test_error_pct", "recipe", "short", "authors"),
        lambda by_beta: (by_beta < 0).all(),
    ),
    Claim(
        "cifar10-short-verdicts",
        'In the small runs on CIFAR-10 with both terms and the recipe "short", moving the label dimensions of codes to the '
        "center of another label changes the judge's verdict more often with every step of beta.",
        PATH,
        series("verdict_changed_pct"),
        rises,
    ),
)
