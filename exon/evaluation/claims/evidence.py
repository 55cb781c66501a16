"""The numbers that claims are decided on: each function takes the folders of runs, or makes a function that does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from exon import data
from exon.errors import UserError
from exon.evaluation import baselines, reference
from exon.evaluation.effects import effects
from exon.evaluation.primary import TERMS, level_of
from exon.evaluation.tables import CELLS, FACTORS, along, measured, metrics_of, outcomes
from exon.runs import record

Evidence = Callable[[list[Path]], pd.Series]
BOTH, NO_KL = (True, True), (True, False)
"""Cells of the ablation: levels of cross-entropy and KL."""
Ends = tuple[float, float]
"""The lowest and the highest of some factors on the KL, both included."""


def series(metric: str, by: str = "beta") -> Evidence:
    """The metric's mean over seeds, in order of a setting; runs without that setting are left out."""

    def evidence(runs: list[Path]) -> pd.Series:
        table = metrics_of(runs).dropna(subset=[by])
        means = table[table["metric"] == metric].groupby(by)["value"].mean()
        if len(means) == 1:
            raise UserError(f"all runs have {by} = {means.index[0]:g}")
        return means

    return evidence


def path(metric: str, setting: str) -> Evidence:
    """The metric's mean over seeds along one path of the ablation."""

    def evidence(runs: list[Path]) -> pd.Series:
        return _on_path(metric, setting, runs).groupby(setting)["value"].mean()

    return evidence


def effects_of(outcome: str, *terms: str) -> Evidence:
    """The 95 % intervals of some effects of the ablation, by their names in `TERMS`.

    Those on a primary outcome hold together with all primary ones, each other holds by itself.
    """

    def evidence(runs: list[Path]) -> pd.Series:
        fit = (
            effects(outcomes(runs), *FACTORS, outcome, level_of(outcome))
            .rename(TERMS)
            .loc[list(terms), ["low", "high"]]
        )
        if fit.isna().any(axis=None):
            raise UserError("a cell with a single run has no interval")
        return pd.concat({term: fit.T[term] for term in terms})

    return evidence


def apart(lower: pd.Series, higher: pd.Series, lower_name: str, higher_name: str) -> pd.Series:
    """The highest of some values and the lowest of others: in order where each of the first is below each of the others."""
    return pd.Series([lower.max(), higher.min()], [f"highest, {lower_name}", f"lowest, {higher_name}"])


def metrics_apart(lower: str, higher: str) -> Evidence:
    """The highest value of one metric and the lowest of another, over the runs that measured both."""

    def evidence(runs: list[Path]) -> pd.Series:
        table = measured(runs, lower, higher)
        return apart(table[lower], table[higher], lower, higher)

    return evidence


def smallest_quotient(numerator: str, denominator: str) -> Evidence:
    """The smallest quotient of two metrics of one run, and the number of runs that measured both."""

    def evidence(runs: list[Path]) -> pd.Series:
        table = measured(runs, numerator, denominator)
        return pd.Series({"smallest": (table[numerator] / table[denominator]).min(), "runs": len(table)})

    return evidence


def extremes(outcome: str, lower: Any, higher: Any, by: str | None = None) -> Evidence:
    """The highest value in one group of runs, and the lowest in another: two cells of the ablation, or two values of `by`."""

    def evidence(runs: list[Path]) -> pd.Series:
        groups = outcomes(runs).groupby(by or list(FACTORS))[outcome]
        names = (f"{by} {group}" if by else CELLS[group] for group in (lower, higher))
        return apart(groups.get_group(lower), groups.get_group(higher), *names)

    return evidence


def spans(outcome: str, *cells: tuple[bool, bool]) -> Evidence:
    """The outcome's lowest and highest value in some cells of the ablation."""

    def evidence(runs: list[Path]) -> pd.Series:
        groups = outcomes(runs).groupby(list(FACTORS))[outcome]
        ends = {CELLS[cell]: groups.get_group(cell).agg(["min", "max"]) for cell in cells}
        return pd.concat(ends).rename({"min": "lowest", "max": "highest"})

    return evidence


def extremes_by_kl(outcome: str, lower: Ends, higher: Ends) -> Evidence:
    """The highest value at some factors on the KL, and the lowest at others, cross-entropy on."""

    def evidence(runs: list[Path]) -> pd.Series:
        chosen = _on_path(outcome, "kl_weight", runs)
        low, high = (chosen.loc[chosen["kl_weight"].between(*ends), "value"] for ends in (lower, higher))
        if low.empty or high.empty:
            raise UserError("no run has such a factor on the KL")
        return apart(low, high, _words(lower), _words(higher))

    return evidence


def most_of_all_factors(outcome: str, factor: float) -> Evidence:
    """The highest value at every other factor on the KL, and the lowest at this one, cross-entropy on."""

    def evidence(runs: list[Path]) -> pd.Series:
        chosen = _on_path(outcome, "kl_weight", runs)
        here = chosen["kl_weight"] == factor
        return apart(chosen.loc[~here, "value"], chosen.loc[here, "value"], "every other factor", f"factor {factor:g}")

    return evidence


def _on_path(metric: str, setting: str, runs: list[Path]) -> pd.DataFrame:
    table = along(setting, runs)
    return table[table["metric"] == metric]


def _words(ends: Ends) -> str:
    return f"KL times {' to '.join(f'{end:g}' for end in dict.fromkeys(ends))}"


def cell_means(outcome: str) -> Evidence:
    """The outcome's mean in each cell of the ablation."""

    def evidence(runs: list[Path]) -> pd.Series:
        means = outcomes(runs).groupby(list(FACTORS))[outcome].mean()
        return means.set_axis([CELLS[cell] for cell in means.index])

    return evidence


def last_cross_entropy(runs: list[Path]) -> pd.Series:
    """The labelled images' cross-entropy after the last epoch of every run with lambda1 up to 100."""
    weak = [run for run in runs if (e := record.experiment_of(run)).lambda1 <= 100 and e.use_cross_entropy]
    return pd.Series(
        {run.name: pd.read_csv(run / "history.csv")["train_cross_entropy"].iloc[-1] for run in weak}, dtype=float
    )


def last_of(*columns: str) -> Evidence:
    """The highest value of each of some columns of the histories after the last epoch, over the runs."""

    def evidence(runs: list[Path]) -> pd.Series:
        last = pd.DataFrame([pd.read_csv(run / "history.csv").iloc[-1] for run in runs])
        return last[list(columns)].max()

    return evidence


def cardinalities(runs: list[Path]) -> pd.Series:
    """With cross-entropy: the lowest cardinality of a class without KL, the highest with it."""
    table = outcomes(runs).query("use_cross_entropy")
    of_classes = table[[f"cardinality_{name}" for name in data.CIFAR10_CLASSES]]
    without, with_kl = of_classes[~table["use_kl"]], of_classes[table["use_kl"]]
    return pd.Series({"lowest without KL": without.min(axis=None), "highest with KL": with_kl.max(axis=None)})


def change_without_cross_entropy(runs: list[Path]) -> pd.Series:
    """With KL and without cross-entropy: the interval's lower end of the change of the image, inside : outside."""
    table = outcomes(runs).query("use_kl and not use_cross_entropy")
    return pd.Series({"lower end": table["change_ratio_low"].min()})


def v_nat_of_dimensions(runs: list[Path]) -> pd.Series:
    """V-nat on the ten label dimensions and on the others, by beta."""
    return pd.concat({"label": series("v_nat_label")(runs), "others": series("v_nat_other")(runs)})


def differences(metric: str, by: str, one: Any, other: Any, along: str = "beta") -> Evidence:
    """Along a setting: the metric's mean at one level of another, less that at a second level."""

    def evidence(runs: list[Path]) -> pd.Series:
        means = outcomes(runs).pivot_table(metric, along, by, dropna=False)
        return means[one] - means[other]

    return evidence


def ranges(metric: str, *groups: tuple[float, float]) -> Evidence:
    """For each group of betas, from the first to the last: the metric's lowest and highest value, and the number of runs.

    Every run that measured the metric counts by itself.
    """

    def evidence(runs: list[Path]) -> pd.Series:
        table = metrics_of(runs)
        table = table[table["metric"] == metric]
        numbers: dict[tuple[str, str], float] = {}
        for first, last in groups:
            values = table[table["beta"].between(first, last)]["value"]
            name = f"beta {first:g}" + f" to {last:g}" * (last > first)
            if values.empty:
                raise KeyError(name)
            numbers |= {(name, "lowest"): values.min(), (name, "highest"): values.max(), (name, "runs"): len(values)}
        return pd.Series(numbers)

    return evidence


def of_each(metrics: tuple[str, ...], evidence_of: Callable[[str], Evidence]) -> Evidence:
    """The evidence on each of some metrics, under its name."""
    return lambda runs: pd.concat({metric: evidence_of(metric)(runs) for metric in metrics})


def label_above_placement(runs: list[Path]) -> pd.Series:
    """From beta 5 on: the smallest difference in a run of label uncertainty and placement error, and the number of runs."""
    table = outcomes(runs).query("beta >= 5")
    difference = (table["label_uncertainty_pct"] - table["placement_error_pct"]).dropna()
    if difference.empty:
        raise KeyError("placement_error_pct")
    return pd.Series({"smallest difference": difference.min(), "runs": len(difference)})


def purity_and_baselines(runs: list[Path]) -> pd.Series:
    """The purity's lowest and highest value over all runs, between the baselines that need no model."""
    purity, known = outcomes(runs)["purity_pct"].dropna(), baselines.read("mnist")
    return pd.Series(
        {
            "principal components": known["purity_components_pct"],
            "lowest": purity.min(),
            "highest": purity.max(),
            "raw pixels": known["purity_pixels_pct"],
            "runs": len(purity),
        }
    )


def beside_authors(metric: str) -> Evidence:
    """By beta: the metric's mean over the seeds on the first split, less the value of the authors' run at the same epoch."""

    def evidence(runs: list[Path]) -> pd.Series:
        table = outcomes(runs).query("split_seed == 1")
        here = table.groupby("beta")[metric].mean()
        authors = reference.at_epoch(int(table["epochs"].max()), list(here.index)).query("metric == @metric")
        return here - authors.set_index("beta")["value"]

    return evidence


def by_split(metric: str, *betas: float) -> Evidence:
    """At some betas: the metric's lowest and highest value on each split into labelled and unlabelled images."""

    def evidence(runs: list[Path]) -> pd.Series:
        table = outcomes(runs)
        groups = table[table["beta"].isin(betas)].groupby(["beta", "split_seed"])[metric]
        return pd.concat({"min": groups.min(), "max": groups.max()})

    return evidence


def share_of_latent(beta: float) -> Evidence:
    """The highest share of the KL of z given the label in the whole KL over the runs at one beta, and their number."""

    def evidence(runs: list[Path]) -> pd.Series:
        table = outcomes(runs)
        table = table[table["beta"] == beta]
        if table.empty:
            raise KeyError(f"beta {beta:g}")
        return pd.Series({"highest share": (table["kl_latent"] / table["kl"]).max(), "runs": len(table)})

    return evidence


def authors_kl(runs: list[Path]) -> pd.Series:
    """The KL of the authors' table, and the last point of their curve, corrected, by beta."""
    stated = reference.paper().query("metric == 'kl'").set_index("beta")["value"]
    last = reference.at_epoch(100, stated.index.tolist()).query("metric == 'kl'").set_index("beta")["value"]
    return pd.concat({"table": stated, "curve": last})
