"""The ledger: every number of the paper's table beside the one found here, misses included."""

from pathlib import Path

import pandas as pd
from docutils import nodes

from exon.errors import UserError
from exon.evaluation import reference
from exon.evaluation.tables import metrics_of
from exon.runs import record
from exon_book.reading import GridDirective
from exon_book.tables import number, table, with_spread
from exon_book.tables.trials import authors_error_at, steps_of

FORMS = {"test_error_pct": ".2f", "kl": ".3f", "negative_ssim": ".3f", "cardinality_automobile": ".1f"}
HEADS_CIFAR10 = ("β", "here", "seeds", "authors, same step", "authors, epoch 600", "runs", "difference")
HEADS = (
    "β",
    "here",
    "seeds",
    "authors, same epoch",
    "difference",
    "authors, epoch 100",
    "difference",
    "same epoch: within 2 sd",
)


class Ledger(GridDirective):
    """{ledger} GRID::METRIC: a table over beta; the spread is the standard deviation over seeds where there are several."""

    @property
    def grids(self) -> str:
        return self.arguments[0].partition("::")[0]

    def made_of(self, runs: list[Path]) -> list[nodes.Node]:
        metric = self.arguments[0].partition("::")[2]
        if metric not in FORMS:
            raise UserError(f"no such ledger: give one of {', '.join(FORMS)}")
        experiments = [record.experiment_of(run) for run in runs]
        dataset = experiments[0].dataset
        metrics = metrics_of(runs).query("metric == @metric")
        paper = reference.paper(dataset).query("metric == @metric")
        for beta in sorted(set(metrics["beta"]) - set(paper["beta"])):
            self.warn(f"the paper's table of {dataset} has no beta {beta:g}")
        if dataset == "cifar10":
            rows = cifar10_ledger(metrics, metric, max(map(steps_of, experiments)))
            return [table(HEADS_CIFAR10, rows), self.origin(runs)]
        rows = ledger(metrics, metric, max(experiment.epochs for experiment in experiments))
        return [table(HEADS, rows), self.origin(runs)]


def ledger(metrics: pd.DataFrame, metric: str, epochs: int) -> list[list[str]]:
    """The rows of the table, as text.

    The only spread there is comes from the beta that was run with several seeds; differences at every beta are measured by it.
    """
    form = FORMS[metric]
    here = _by_beta(metrics)
    spread = here["std"].max()
    early = _series(reference.at_epoch(epochs, here.index.tolist()), metric)
    late = _series(reference.paper(), metric)
    rows = []
    for beta, mean, sd, count in zip(here.index.tolist(), here["mean"], here["std"], here["count"], strict=True):
        gap = mean - early[beta] if beta in early else None
        within = "–" if gap is None or pd.isna(spread) else "yes" if abs(gap) <= 2 * spread else "no"
        rows.append(
            [
                f"{beta:g}",
                with_spread(mean, sd, form),
                str(count),
                number(early.get(beta), form),
                number(gap, "+" + form),
                number(late.get(beta), form),
                number(mean - late[beta] if beta in late else None, "+" + form),
                within,
            ]
        )
    return rows


def cifar10_ledger(metrics: pd.DataFrame, metric: str, steps: int) -> list[list[str]]:
    """The rows of the table, as text: the authors ran each beta five times, and their curves hold the test error alone."""
    form = FORMS[metric]
    here = _by_beta(metrics)
    known = reference.paper("cifar10").query("metric == @metric").set_index("beta")
    paper = known.reindex(here.index)
    rows = []
    for beta, mean, sd, count in zip(here.index.tolist(), here["mean"], here["std"], here["count"], strict=True):
        theirs = paper.loc[beta]
        in_curves = metric == "test_error_pct" and beta in known.index
        rows.append(
            [
                f"{beta:g}",
                with_spread(mean, sd, form),
                str(count),
                number(authors_error_at(beta, steps) if in_curves else None, form),
                with_spread(theirs["value"], theirs["sd"], form),
                number(theirs["n"], ".0f"),
                number(mean - theirs["value"], "+" + form),
            ]
        )
    return rows


def _by_beta(metrics: pd.DataFrame) -> pd.DataFrame:
    return metrics.groupby("beta")["value"].agg(["mean", "std", "count"])


def _series(table: pd.DataFrame, metric: str) -> dict[float, float]:
    chosen = table[table["metric"] == metric]
    return dict(zip(chosen["beta"], chosen["value"], strict=True))
