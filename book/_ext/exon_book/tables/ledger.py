"""The ledger: every number of the paper's table beside the one found here, misses included."""

from pathlib import Path
from statistics import fmean

import pandas as pd
from docutils import nodes

from exon.errors import UserError
from exon.evaluation import reference
from exon.evaluation.intervals import of_one_more
from exon.evaluation.tables import metrics_of
from exon.experiment import Experiment
from exon.runs import grid, record
from exon_book.reading import GridDirective
from exon_book.steps import authors_error_at, steps_of
from exon_book.tables import held_against, number, of_runs, table, with_spread, without_empty

FORMS = {"test_error_pct": ".2f", "kl": ".2f", "negative_ssim": ".3f", "cardinality_automobile": ".0f"}
PAPER = "paper"
HEADS_CIFAR10 = ("β", "here", "n", "authors, epoch 600", "n", "gap to epoch 600", "authors, same step")
HEADS = (
    "β",
    "inside",
    "here",
    "n",
    "authors, same epoch",
    "gap",
    "one more run, 95 %",
    "here, {} epochs",
    "authors, epoch 100",
)
"""In this order a phone shows the finding, and the rest scrolls."""


class Ledger(GridDirective):
    """{ledger} GRIDS::METRIC: a table over beta of what the runs found (`of_runs`), beside the authors' numbers.

    Runs on another split than the first are left out. Those of the same grids at the profile `paper` have a column.
    """

    @property
    def grids(self) -> str:
        return self.arguments[0].partition("::")[0]

    def made_of(self, runs: list[Path]) -> list[nodes.Node]:
        metric = self.arguments[0].partition("::")[2]
        if metric not in FORMS:
            raise UserError(f"no such ledger: give one of {', '.join(FORMS)}")
        experiments = [record.experiment_of(run) for run in runs]
        dataset = experiments[0].dataset
        metrics = _measured(runs, metric)
        paper = reference.paper(dataset).query("metric == @metric")
        for beta in sorted(set(metrics["beta"]) - set(paper["beta"])):
            self.warn(f"the paper's table of {dataset} has no beta {beta:g}")
        if dataset == "cifar10":
            rows = cifar10_ledger(metrics, metric, max(map(steps_of, experiments)))
            return [table(*without_empty(HEADS_CIFAR10, rows)), self.origin(runs)]
        long = self.runs_of_the_papers_length()
        rows = ledger(metrics, metric, max(experiment.epochs for experiment in experiments), _measured(long, metric))
        epochs = Experiment.create(dataset=dataset, profile=PAPER).epochs
        return [table(*without_empty([head.format(epochs) for head in HEADS], rows)), self.origin(runs)]

    def runs_of_the_papers_length(self) -> list[Path]:
        """The finished runs of the same grids at the authors' scale."""
        folders = [Path(self.env.srcdir) / run.folder for run in grid.select(self.grids, grid.Asked(PAPER))]
        for folder in folders:
            self.env.note_dependency(str(folder / "run.json"))
        return [folder for folder in folders if (folder / "run.json").is_file()]


def ledger(metrics: pd.DataFrame, metric: str, epochs: int, long: pd.DataFrame) -> list[list[str]]:
    """The rows of the table, as text.

    The authors' value is held against the interval in which one more run would lie: it is a single run itself. The interval is
    made of the seeds at its own beta (`exon.evaluation.intervals.of_one_more`), and cut at 0: no metric here is negative.

    Args:
        metrics, long: the metric's rows of `metrics_of` the runs here, and of those that are as long as the paper's.
    """
    form = FORMS[metric]
    here, longer = _by_beta(metrics), _by_beta(long)
    early = _series(reference.at_epoch(epochs, list(here)), metric)
    late = _series(reference.paper(), metric)
    rows = []
    for beta, values in here.items():
        one_more = of_one_more(values)
        above_zero = one_more and (max(one_more[0], 0.0), one_more[1])
        inside, interval = held_against(early.get(beta), above_zero, form)
        rows.append(
            [
                f"{beta:g}",
                inside,
                of_runs(values, form),
                str(len(values)),
                number(early.get(beta), form),
                number(fmean(values) - early[beta] if beta in early else None, "+" + form),
                interval,
                of_runs(longer.get(beta, []), form),
                number(late.get(beta), form),
            ]
        )
    return rows


def cifar10_ledger(metrics: pd.DataFrame, metric: str, steps: int) -> list[list[str]]:
    """The rows of the table, as text: the authors have five runs at each beta, and of these metrics curves of the test error."""
    form = FORMS[metric]
    here = _by_beta(metrics)
    known = reference.paper("cifar10").query("metric == @metric").set_index("beta")
    paper = known.reindex(list(here)).to_dict("index")
    rows = []
    for beta, values in here.items():
        theirs = paper[beta]
        in_curves = metric == "test_error_pct" and beta in known.index
        rows.append(
            [
                f"{beta:g}",
                of_runs(values, form),
                str(len(values)),
                with_spread(theirs["value"], theirs["sd"], form),
                number(theirs["n"], ".0f"),
                number(fmean(values) - theirs["value"], "+" + form),
                number(authors_error_at(beta, steps) if in_curves else None, form),
            ]
        )
    return rows


def _measured(runs: list[Path], metric: str) -> pd.DataFrame:
    """The rows of `metrics_of` for one metric, of the runs on the first split."""
    if not runs:
        return pd.DataFrame(columns=["beta", "value"])
    table = metrics_of(runs)
    return table[(table["metric"] == metric) & (table["split_seed"] == 1)]


def _by_beta(metrics: pd.DataFrame) -> dict[float, list[float]]:
    """beta -> the values of its runs, in order of beta."""
    return {beta: metrics.loc[metrics["beta"] == beta, "value"].tolist() for beta in sorted(metrics["beta"].unique())}


def _series(table: pd.DataFrame, metric: str) -> dict[float, float]:
    chosen = table[table["metric"] == metric]
    return dict(zip(chosen["beta"], chosen["value"], strict=True))
