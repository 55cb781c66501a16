"""Each claim does not hold of some numbers: a claim that holds of all says nothing."""

from dataclasses import replace

import pytest

from exon.evaluation.claims import CLAIMS
from exon.evaluation.claims.claim import FAILS, check
from exon.runs import grid

REFUTED = (
    ("kl-falls", lambda n: -n),
    ("ssim-lowest-at-50", lambda n: -n),
    ("generation-high-at-50", lambda n: -n),
    ("v-nat-falls", lambda n: -n),
    ("in-place-from-5", lambda n: n + 10),
    ("out-of-place-at-0.1", lambda n: -n),
    ("label-not-placement-from-5", lambda n: -n),
    ("clouds-everywhere", lambda n: n.replace(n["highest"], 95)),
    ("little-left-at-50", lambda n: n * 100),
    ("splits-differ-more-than-seeds", lambda n: n.where(n.index.get_level_values(2) != 3, 3.9)),
    ("splits-differ-more-than-seeds", lambda n: n.where(n.index.get_level_values(2) != 2, 3.5)),
    ("traits-below-50", lambda n: n.where(n.index.get_level_values(0) != "trait_width", -n)),
    ("ce-lowers-error", lambda n: n + 9),
    ("ce-lowers-renamed-error", lambda n: n + 50),
    ("ce-raises-purity", lambda n: n - 11),
    ("kl-leaves-purity", lambda n: n + 11),
    ("kl-leaves-purity", lambda n: n - 10),
    ("kl-lowers-purity", lambda n: n + 16),
    ("kl-lowers-kl", lambda n: n[::-1]),
    ("kl-raises-recon", lambda n: n - 7),
    ("kl-costs-error", lambda n: n[::-1]),
    ("errs-less-than-authors", lambda n: n + 0.1),
    ("both-for-center-error", lambda n: n + 34),
    ("both-for-generation-error", lambda n: n + 30),
    ("sci-lowers-error", lambda n: n[::-1]),
    ("sci-both-for-center-error", lambda n: n + 100),
    ("kl-path-center-error", lambda n: n[::-1]),
    ("kl-path-generation-error", lambda n: n[::-1]),
    ("full-model-errs-most", lambda n: n[::-1]),
    ("lambda1-not-heard", lambda n: n - 40),
    ("lambda1-explodes", lambda n: n - 1700),
    ("ten-centers-separate", lambda n: n[::-1]),
    ("classifier-alone-errs-less", lambda n: n[::-1]),
    ("unlabelled-images-help", lambda n: n[::-1]),
    ("full-model-beats-supervision", lambda n: n[::-1]),
    ("authors-within-seeds", lambda n: n * [1, 3, 1, 1]),
    ("components-leave-at-once", lambda n: n - 2),
    ("authors-kl-is-exact", lambda n: n * ([1.01] * 8 + [1] * 8)),
    ("codes-follow-the-order", lambda n: n[::-1]),
    ("placed-in-every-layout", lambda n: n + 1),
    ("cifar10-cardinality-falls", lambda n: n[::-1].set_axis(n.index)),
    ("cifar10-inside-more", lambda n: n - 14),
    ("cifar10-label-lower", lambda n: -n),
    ("cifar10-purity", lambda n: n - 3),
    ("cifar10-alike", lambda n: n - 0.1),
    ("cifar10-not-by-size", lambda n: n - 1),
    ("cifar10-redrawn", lambda n: n - 20),
    ("cifar10-placed", lambda n: n[::-1]),
    ("cifar10-uncertain", lambda n: n[::-1]),
    ("cifar10-label-dimensions-tell-more", lambda n: n[::-1]),
    ("cifar10-activated-tell-traits", lambda n: n.where(n.index.get_level_values(0) != "warmth", -n)),
    ("cifar10-neighbours-in-label-dimensions", lambda n: n[::-1]),
    ("cifar10-kl-selects", lambda n: n - [1, 0]),
    ("cifar10-kl-lowers-error", lambda n: n[::-1]),
    ("cifar10-rate-without-kl", lambda n: n[::-1]),
    ("cifar10-error-overlaps-at-a-third", lambda n: n - [4, 4, 0, 0]),
    ("cifar10-error-overlaps-at-a-third", lambda n: n - [0, 0, 4, 4]),
    ("cifar10-wide-error", lambda n: n + 4),
    ("cifar10-wide-kl-selects", lambda n: n - [1, 0]),
    ("cifar10-wide-kl-lowers-error", lambda n: n[::-1]),
    ("cifar10-wide-cardinality-falls", lambda n: n[::-1].set_axis(n.index)),
    ("cifar10-wide-recon-rises", lambda n: n[::-1].set_axis(n.index)),
    ("cifar10-wide-errs-more-at-1", lambda n: n[::-1]),
    ("cifar10-sci-lowers-error", lambda n: n[::-1]),
    ("cifar10-softer-without-sci", lambda n: n[::-1]),
    ("cifar10-certain-of-augmented-images", lambda n: n * [1, 2]),
    ("cifar10-certain-of-augmented-images", lambda n: n * [2, 1]),
    ("cifar10-subspace-without-ce", lambda n: n * 0),
    ("cifar10-short-errors-overlap", lambda n: n - [2, 2, 0, 0]),
    ("cifar10-short-errors-overlap", lambda n: n - [0, 0, 2, 2]),
    ("cifar10-short-codes-tell-more", lambda n: n.where(n.index.get_level_values(0) != "probe_all_pct", n - 6)),
    ("cifar10-short-codes-tell-more", lambda n: n.where(n.index.get_level_values(0) != "purity_pct", n - 21)),
    ("cifar10-short-label-dimensions", lambda n: n[::-1]),
    ("cifar10-short-kl-selects", lambda n: n - [1, 0]),
    ("cifar10-short-not-by-size", lambda n: n - 6),
    ("cifar10-short-scores", lambda n: n + 10),
    ("cifar10-short-cardinality-falls", lambda n: n[::-1].set_axis(n.index)),
    ("cifar10-short-recon-rises", lambda n: n[::-1].set_axis(n.index)),
    ("cifar10-short-errs-less", lambda n: n.where(n.index != 0.01, 0.1)),
    ("cifar10-short-verdicts", lambda n: n[::-1].set_axis(n.index)),
    ("cifar10-long-error", lambda n: n - 1.5),
    ("cifar10-long-error", lambda n: n + 3),
    ("cifar10-long-errs-less", lambda n: n.where(n.index.get_level_values(0) != "recon", n[::-1].to_numpy())),
    ("cifar10-long-draws", lambda n: n - 10),
    ("cifar10-long-draws", lambda n: n + 20),
    ("diversity-does-not-rise", lambda n: n.sort_values().set_axis(n.index)),
)
"""A claim and a change of the numbers that decide it, after which it does not hold."""


@pytest.mark.parametrize(("name", "change"), REFUTED, ids=[name for name, _ in REFUTED])
def test_every_claim_can_fail(findings, name, change):
    finding = findings[name]
    changed = replace(finding.claim, evidence=lambda runs: change(finding.numbers))
    runs = [run.folder for run in grid.select(finding.claim.runs)]
    assert check(changed, runs).verdict == FAILS


def test_no_claim_is_left_out():
    assert {name for name, _ in REFUTED} == set(CLAIMS)
