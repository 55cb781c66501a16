"""What is claimed of the MNIST runs over beta: of every run, whatever its seed and split."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from exon.evaluation.claims.claim import Claim
from exon.evaluation.claims.evidence import (
    Evidence,
    beside_authors,
    by_split,
    label_above_placement,
    of_each,
    purity_and_baselines,
    ranges,
    share_of_latent,
)


def _claim(name: str, sentence: str, evidence: Evidence, holds: Callable[[pd.Series], Any]) -> Claim:
    """A claim on the grid `beta`, and on as many runs of `beta_seeds` as are finished."""
    return Claim(name, sentence, "beta", evidence, holds, further="beta_seeds")


def separated(numbers: pd.Series) -> bool:
    """Of groups in a row, every run of one lies above every run of the next."""
    lowest, highest = (numbers.xs(which, level=1).to_numpy() for which in ("lowest", "highest"))
    return bool((lowest[:-1] > highest[1:]).all())


TRAITS = ("trait_brightness", "trait_slant", "trait_width")

OVER_BETA = (
    _claim(
        "kl-falls",
        "Every run up to beta 1 has a higher KL than every run at 5, each of these than at 10, each of these than at 50.",
        ranges("kl", (0.1, 1.0), (5.0, 5.0), (10.0, 10.0), (50.0, 50.0)),
        separated,
    ),
    _claim(
        "ssim-lowest-at-50",
        "Every run at beta 50 has a lower negative SSIM of the decoded grid than every other run.",
        ranges("negative_ssim", (0.1, 10.0), (50.0, 50.0)),
        separated,
    ),
    _claim(
        "generation-high-at-50",
        "Every run at beta 50 has a higher generation error than every run at 5.",
        ranges("generation_error_pct", (50.0, 50.0), (5.0, 5.0)),
        separated,
    ),
    _claim(
        "v-nat-falls",
        "Every run up to beta 1 has a higher V-nat than every run at 5, each of these than at 10, each of these than at 50.",
        ranges("v_nat", (0.1, 1.0), (5.0, 5.0), (10.0, 10.0), (50.0, 50.0)),
        separated,
    ),
    _claim(
        "errs-less-than-authors",
        "At every beta the mean test error over the seeds is below that of the authors' run at the same epoch.",
        beside_authors("test_error_pct"),
        lambda gaps: gaps.max() < 0,
    ),
    _claim(
        "in-place-from-5",
        "From beta 5 on, every run has fewer than 5 % of the images' own component means nearest to another center.",
        ranges("placement_error_pct", (5.0, 50.0)),
        lambda numbers: numbers.xs("highest", level=1).max() < 5,
    ),
    _claim(
        "out-of-place-at-0.1",
        "Every run at beta 0.1 has more own component means nearest to another center than every run from beta 5 on.",
        ranges("placement_error_pct", (0.1, 0.1), (5.0, 50.0)),
        separated,
    ),
    _claim(
        "label-not-placement-from-5",
        "From beta 5 on, the label uncertainty of every run is larger than its placement error.",
        label_above_placement,
        lambda numbers: numbers["smallest difference"] > 0,
    ),
    _claim(
        "clouds-everywhere",
        "Every run has a purity above that of two principal components of the pixels, and below that of the raw pixels.",
        purity_and_baselines,
        lambda numbers: numbers.drop("runs").is_monotonic_increasing,
    ),
    _claim(
        "little-left-at-50",
        "In every run at beta 50 the KL of z given the label is less than a hundredth of the KL.",
        share_of_latent(50.0),
        lambda numbers: numbers["highest share"] < 0.01,
    ),
    _claim(
        "splits-differ-more-than-seeds",
        "At beta 1 and at 5 the test error on split 2 is below that of every seed on split 1, and that on split 3 above it.",
        by_split("test_error_pct", 1.0, 5.0),
        lambda n: all(n["max", b, 2] < n["min", b, 1] and n["max", b, 1] < n["min", b, 3] for b in (1.0, 5.0)),
    ),
    _claim(
        "traits-below-50",
        "In every run below beta 50 each trait correlates more with its mean over the nearest codes of the same label than in "
        "any run at 50.",
        of_each(TRAITS, lambda trait: ranges(trait, (0.1, 10.0), (50.0, 50.0))),
        lambda numbers: all(separated(numbers[trait]) for trait in TRAITS),
    ),
)
