"""The claims that pages make in words about several runs, each as a check that the build repeats.

CLAIMS: name -> the grids whose runs it reads, and the check of their folders.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from exon.evaluation.effects import effects
from exon.runs import record
from exon_book.plots import along, authors_at, authors_table, metrics_of
from exon_book.tables.ablation import FACTORS
from exon_book.tables.ablation import outcomes as measured


def series(runs: list[Path], metric: str, by: str = "beta") -> pd.Series:
    """The metric's mean over seeds, in order of a setting; runs without that setting are left out."""
    table = metrics_of(runs).dropna(subset=[by])
    return table[table["metric"] == metric].groupby(by)["value"].mean()


def falls(metric: str, by: str = "beta") -> Callable[[list[Path]], bool]:
    """The metric falls with every step of the setting."""
    return lambda runs: bool(series(runs, metric, by).is_monotonic_decreasing)


def rises(metric: str, by: str = "beta") -> Callable[[list[Path]], bool]:
    """The metric rises with every step of the setting."""
    return lambda runs: bool(series(runs, metric, by).is_monotonic_increasing)


def lowest_at(metric: str, value: float, by: str = "beta") -> Callable[[list[Path]], bool]:
    """The metric is lowest at this value of the setting."""
    return lambda runs: series(runs, metric, by).idxmin() == value


def effect(outcome: str, factor: str, sign: int) -> Callable[[list[Path]], bool]:
    """The whole 95 % interval of an effect of the ablation lies on one side of zero: sign is 1 or -1."""

    def holds(runs: list[Path]) -> bool:
        fit = effects(measured(runs), *FACTORS, outcome)
        return bool(min(sign * fit.loc[factor, "low"], sign * fit.loc[factor, "high"]) > 0)

    return holds


def monotone_to_one(metric: str, sign: int) -> Callable[[list[Path]], bool]:
    """From no KL to the full model, the metric's mean rises (sign 1) or falls (-1) with every step of the factor on the KL."""

    def holds(runs: list[Path]) -> bool:
        table = along("kl_weight", runs)
        means = table[table["metric"] == metric].groupby("kl_weight")["value"].mean()
        return bool((sign * means[:1.0]).is_monotonic_increasing)

    return holds


def below(outcome: str, lower: tuple[bool, bool], higher: tuple[bool, bool]) -> Callable[[list[Path]], bool]:
    """Every run of one cell of the ablation lies below every run of another; cells are (cross-entropy, KL)."""

    def holds(runs: list[Path]) -> bool:
        cells = measured(runs).groupby(list(FACTORS))[outcome]
        return bool(cells.get_group(lower).max() < cells.get_group(higher).min())

    return holds


def only_both(outcome: str) -> Callable[[list[Path]], bool]:
    """The outcome is lower with both terms than in any other cell of the ablation, by half at least."""

    def holds(runs: list[Path]) -> bool:
        cells = measured(runs).groupby(list(FACTORS))[outcome].mean()
        return bool(cells[True, True] < 0.5 * cells.drop((True, True)).min())

    return holds


def sci_lowers_error(runs: list[Path]) -> bool:
    """With cross-entropy, KL on or off, every run with SCI misclassifies fewer test images than any without."""
    with_sci = [record.experiment_of(run).use_sci for run in runs]
    table = measured(runs).assign(sci=with_sci).query("use_cross_entropy")
    cells = table.groupby(["use_kl", "sci"])["test_error_pct"]
    return all(cells.max()[kl, True] < cells.min()[kl, False] for kl in (True, False))


def labels_are_not_heard(runs: list[Path]) -> bool:
    """Up to lambda1 = 100 most test images are misclassified, from 1000 on most are not."""
    table = along("lambda1", runs)
    errors = table[table["metric"] == "test_error_pct"].groupby("lambda1")["value"].mean()
    return bool(errors[:100.0].min() > 50 > errors[1000.0:].max())


def cross_entropy_explodes(runs: list[Path]) -> bool:
    """Up to lambda1 = 100 the labelled images' cross-entropy ends above a hundred nats."""
    weak = [run for run in runs if (e := record.experiment_of(run)).lambda1 <= 100 and e.use_cross_entropy]
    return all(pd.read_csv(run / "history.csv")["train_cross_entropy"].iloc[-1] > 100 for run in weak)


def kl_selects(runs: list[Path]) -> bool:
    """With cross-entropy and without KL all 256 dimensions are activated for every class; with both less than half of them."""
    cells = measured(runs).query("use_cross_entropy").groupby("use_kl")["cardinality_mean"]
    return bool(cells.min()[False] == 256 and cells.max()[True] < 128)


def subspace_without_cross_entropy(runs: list[Path]) -> bool:
    """With KL and without cross-entropy, noise inside the activated subspace changes an image more than outside."""
    table = measured(runs).query("use_kl and not use_cross_entropy")
    return bool(table["change_ratio_low"].min() > 1)


def label_dimensions_are_lower(runs: list[Path]) -> bool:
    """At every beta V-nat is lower on the ten label dimensions than on the others, and below the line of activation."""
    label = series(runs, "v_nat_label")
    return bool((label < series(runs, "v_nat_other")).all() and label.max() < 1)


def authors_kl_is_exact(runs: list[Path]) -> bool:
    """The KL of the authors' table is the last point of their curve, corrected, to the three decimals they give."""
    table = authors_table().query("metric == 'kl'").set_index("beta")["value"]
    curve = authors_at(100, table.index.tolist()).query("metric == 'kl'").set_index("beta")["value"]
    return bool(((table - curve).abs() < 0.005).all())


CIFAR10_CELLS = "cifar10/beta-0.05_* cifar10/ce-*"

CLAIMS: dict[str, tuple[str, Callable[[list[Path]], bool]]] = {
    "kl-falls": ("beta", falls("kl")),
    "ssim-lowest-at-50": ("beta", lowest_at("negative_ssim", 50.0)),
    "generation-lowest-at-5": ("beta", lowest_at("generation_error_pct", 5.0)),
    "v-nat-falls": ("beta", falls("v_nat")),
    "in-place-from-5": ("beta", lambda runs: series(runs, "center_error_pct")[5.0:].max() < 15),
    "out-of-place-at-0.1": ("beta", lambda runs: series(runs, "center_error_pct")[0.1] > 40),
    "clouds-everywhere": ("beta", lambda runs: series(runs, "purity_pct").min() > 75),
    "little-left-at-50": ("beta", lambda runs: series(runs, "kl_latent")[50.0] < 0.01 * series(runs, "kl")[50.0]),
    "ce-lowers-error": ("ablation/v2_*", effect("test_error_pct", "use_cross_entropy", -1)),
    "ce-lowers-renamed-error": ("ablation/v2_*", effect("relabelled_error_pct", "use_cross_entropy", -1)),
    "ce-raises-purity": ("ablation/v2_*", effect("purity_pct", "use_cross_entropy", +1)),
    "kl-lowers-kl": ("ablation/v2_*", effect("kl_latent", "use_kl", -1)),
    "kl-raises-recon": ("ablation/v2_*", effect("recon", "use_kl", +1)),
    "kl-costs-error": ("ablation/v2_*", below("test_error_pct", (True, False), (True, True))),
    "both-for-center-error": ("ablation/v2_*", effect("center_error_pct", "interaction", -1)),
    "both-for-generation-error": ("ablation/v2_*", effect("generation_error_pct", "interaction", -1)),
    "sci-lowers-error": ("ablation", sci_lowers_error),
    "sci-both-for-center-error": ("ablation/v3_*", only_both("center_error_pct")),
    "kl-path-center-error": ("ablation/v2_* ablation_paths", monotone_to_one("center_error_pct", -1)),
    "kl-path-generation-error": ("ablation/v2_* ablation_paths", monotone_to_one("generation_error_pct", -1)),
    "lambda1-not-heard": ("ablation/v2_* ablation_paths", labels_are_not_heard),
    "lambda1-explodes": ("ablation_paths/lambda1-*", cross_entropy_explodes),
    "authors-kl-is-exact": ("beta", authors_kl_is_exact),
    "cifar10-cardinality-falls": ("cifar10/beta-*", falls("cardinality_automobile")),
    "cifar10-inside-more": ("cifar10/beta-*", lambda runs: series(runs, "change_ratio_low").min() > 1),
    "cifar10-label-lower": ("cifar10/beta-*", label_dimensions_are_lower),
    "cifar10-purity": ("cifar10/beta-*", lambda runs: series(runs, "purity_pct").min() > 11),
    "cifar10-alike": ("cifar10/beta-*", lambda runs: series(runs, "v_nat_correlation").min() > 0.9),
    "cifar10-kl-selects": (CIFAR10_CELLS, kl_selects),
    "cifar10-kl-lowers-error": (CIFAR10_CELLS, below("test_error_pct", (True, True), (True, False))),
    "cifar10-subspace-without-ce": (CIFAR10_CELLS, subspace_without_cross_entropy),
    "diversity-does-not-rise": ("prior_design", lambda runs: not rises("path_negative_ssim", "distance")(runs)),
}
