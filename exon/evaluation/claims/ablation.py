"""What is claimed of the ablation on MNIST.

The intervals of effects on primary outcomes are corrected for their number (`exon.evaluation.primary`), the others are not.
"""

from exon.evaluation.claims.claim import Claim, holds_zero, one_sided, ordered
from exon.evaluation.claims.evidence import (
    BOTH,
    NO_KL,
    cell_means,
    effects_of,
    extremes,
    extremes_by_kl,
    last_cross_entropy,
    most_of_all_factors,
    path,
)

V2, V3, PATH = "ablation/v2_*", "ablation/v3_*", "ablation/v2_* ablation_paths"
V3_SEEDS, PATH_SEEDS = "ablation_seeds/v3_*", "ablation_seeds/kl_weight-*"

ABLATION = (
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
        "With both terms, every run with SCI has a lower test error than any without.",
        "ablation/v?_ce-true_kl-true_*",
        extremes("test_error_pct", True, False, by="use_sci"),
        ordered,
        "ablation_seeds/v3_ce-true_kl-true_*",
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
        "With cross-entropy and without SCI, every run with the KL at its full weight has a lower center error than every run "
        "with at most a tenth of it.",
        PATH,
        extremes_by_kl("center_error_pct", (1.0, 1.0), (0.0, 0.1)),
        ordered,
        PATH_SEEDS,
    ),
    Claim(
        "kl-path-generation-error",
        "With cross-entropy and without SCI, every run with the KL at its full weight has a lower generation error than every "
        "run with at most a tenth of it.",
        PATH,
        extremes_by_kl("generation_error_pct", (1.0, 1.0), (0.0, 0.1)),
        ordered,
        PATH_SEEDS,
    ),
    Claim(
        "full-model-errs-most",
        "With cross-entropy and without SCI, every run with the KL at its full weight has a higher test error than every run "
        "with another factor on it.",
        PATH,
        most_of_all_factors("test_error_pct", 1.0),
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
)
