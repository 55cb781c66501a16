"""What is claimed of several runs.

`CLAIMS` has all claims by name; `python -m exon claims` checks them on the stored records, the book on every build.
"""

from functools import cache
from pathlib import Path

from exon.evaluation.claims.ablation import ABLATION
from exon.evaluation.claims.cifar10 import CIFAR10
from exon.evaluation.claims.cifar10_short import CIFAR10_SHORT
from exon.evaluation.claims.claim import Claim, Finding, check
from exon.evaluation.claims.controls import CONTROLS
from exon.evaluation.claims.evidence import authors_kl, series
from exon.evaluation.claims.first_epochs import FIRST_EPOCHS
from exon.evaluation.claims.layouts import LAYOUTS
from exon.evaluation.claims.over_beta import OVER_BETA
from exon.runs import grid

CLAIMS = {
    claim.name: claim
    for claim in (
        *OVER_BETA,
        *ABLATION,
        *CONTROLS,
        *FIRST_EPOCHS,
        *LAYOUTS,
        Claim(
            "authors-kl-is-exact",
            "The KL of the authors' table is the last point of their curve, corrected, to the decimals they give.",
            "",
            authors_kl,
            lambda kl: ((kl["table"] - kl["curve"]).abs() < 0.005).all(),
        ),
        *CIFAR10,
        *CIFAR10_SHORT,
        Claim(
            "diversity-does-not-rise",
            "Negative SSIM along the path between two centers does not rise with every step of their distance.",
            "prior_design",
            series("path_negative_ssim", "distance"),
            lambda means: not (means.diff().dropna() > 0).all(),
        ),
    )
}


def check_all(results: Path) -> list[Finding]:
    """Every claim, decided on the records below a folder such as results/."""

    @cache
    def folders(names: str) -> list[Path]:
        return [results.joinpath(*run.folder.parts[-3:]) for run in grid.select(names)]

    return [check(claim, folders(claim.runs), folders(claim.further)) for claim in CLAIMS.values()]
