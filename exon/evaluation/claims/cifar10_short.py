"""What is claimed of the runs on CIFAR-10 with the recipe "short" on a processor: small ones, and a long one."""

from exon.evaluation.claims.cifar10 import (
    LONG,
    SHORT_AT_OTHER_BETAS,
    SHORT_OF_OTHER_SEEDS,
    SMALL_SHORT,
    falls,
    more_than_random,
    overlapping,
    rises,
    selected_by_kl,
)
from exon.evaluation.claims.claim import Claim, ordered
from exon.evaluation.claims.evidence import (
    BOTH,
    NO_KL,
    cardinalities,
    differences,
    extremes,
    last_of,
    of_each,
    ranges,
    series,
    smallest_quotient,
    spans,
)

CELLS = "cifar10_short/recipe-short_ce-*"
WITH_CROSS_ENTROPY = "cifar10_short/recipe-short_ce-true_* cifar10_short_seeds"
TOLD_BY_CODES = ("purity_pct", "probe_all_pct")
ERRORS = ("test_error_pct", "validation_error_pct", "recon")
OF_DRAWS = ("generation_error_pct", "accuracy_score_generated_pct")
WITH_KL = "cifar10_short/recipe-short_ce-*_kl-true_*"
PATH = f"{SMALL_SHORT} {SHORT_OF_OTHER_SEEDS} {SHORT_AT_OTHER_BETAS}"

CIFAR10_SHORT = (
    Claim(
        "cifar10-short-errors-overlap",
        'On CIFAR-10 at beta 0.05 with the recipe "short", the test errors of the small runs with both terms and without KL '
        "overlap.",
        WITH_CROSS_ENTROPY,
        spans("test_error_pct", BOTH, NO_KL),
        overlapping,
    ),
    Claim(
        "cifar10-short-codes-tell-more",
        'On CIFAR-10 at beta 0.05 with the recipe "short", for every seed the small run without KL has a higher purity than that '
        "with both terms, and a linear classifier on all dimensions is right more often.",
        WITH_CROSS_ENTROPY,
        of_each(TOLD_BY_CODES, lambda metric: differences(metric, "use_kl", False, True, along="seed")),
        lambda by_seed: (by_seed > 0).all(),
    ),
    Claim(
        "cifar10-short-label-dimensions",
        'On CIFAR-10 at beta 0.05 with the recipe "short", the purity in the label dimensions is higher in every small run with '
        "both terms than in every one without KL.",
        WITH_CROSS_ENTROPY,
        extremes("purity_label_pct", NO_KL, BOTH),
        ordered,
    ),
    Claim(
        "cifar10-short-kl-selects",
        'In the small runs on CIFAR-10 at beta 0.05 with the recipe "short", with cross-entropy and no KL at least 255 of 256 '
        "dimensions are activated for every class, with both fewer than half.",
        WITH_CROSS_ENTROPY,
        cardinalities,
        selected_by_kl,
    ),
    Claim(
        "cifar10-short-not-by-size",
        'In the small runs on CIFAR-10 with the recipe "short" and KL, with cross-entropy or without, noise in the '
        "activated dimensions changes a pixel more than noise in as many random ones, each divided by the change that the same "
        "noise makes in all others.",
        f"{WITH_KL} {SHORT_OF_OTHER_SEEDS} {SHORT_AT_OTHER_BETAS}",
        smallest_quotient("rms_ratio_at_1", "rms_ratio_random"),
        more_than_random,
    ),
    Claim(
        "cifar10-short-scores",
        'In the first small runs on CIFAR-10 at beta 0.05 with the recipe "short", a classifier trained on drawn images is right '
        "for less than 20 % of the real ones, with cross-entropy and KL on or off.",
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
        'On CIFAR-10 at every beta, the mean test error of the small runs with the recipe "short" is below that with '
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
    Claim(
        "cifar10-long-error",
        "On CIFAR-10 at beta 0.05 the long run has a test error of 16 to 19 %.",
        LONG,
        last_of("test_error_pct"),
        lambda n: 16 <= n["test_error_pct"] <= 19,
    ),
    Claim(
        "cifar10-long-errs-less",
        "On CIFAR-10 at beta 0.05 the long run has lower test, validation and reconstruction errors than each small run with "
        'both terms and the recipe "short".',
        f"{LONG} {SMALL_SHORT} {SHORT_OF_OTHER_SEEDS}",
        of_each(ERRORS, lambda error: extremes(error, 0.25, 0.125, by="width")),
        lambda n: all(ordered(n[error]) for error in ERRORS),
    ),
    Claim(
        "cifar10-long-draws",
        "In the long run on CIFAR-10 the judge errs on more than 85 % of the drawn images, and a classifier trained on them is "
        "right for less than 20 % of the real ones.",
        LONG,
        of_each(OF_DRAWS, lambda metric: ranges(metric, (0.05, 0.05))),
        lambda n: (
            n["generation_error_pct", "beta 0.05", "lowest"] > 85
            and n["accuracy_score_generated_pct", "beta 0.05", "highest"] < 20
        ),
    ),
)
