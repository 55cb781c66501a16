"""The figures that set several runs beside each other, drawn from their records while the book is built: `FIGURES`, by name."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from exon import data, explain
from exon.errors import UserError
from exon.evaluation import baselines, first_epochs, layouts, reference
from exon.evaluation.tables import CELLS, along, measured, metrics_of
from exon.figures import compare, plots
from exon.figures.against import against
from exon.figures.first_epochs import first_epochs as first_epochs_figure
from exon.prior import GaussianMixturePrior
from exon.runs import checkpoint, record
from exon_book import ablation
from exon_book.lookup import by_beta, median_run
from exon_book.steps import curves, scale

SHOWN = (0.1, 5.0, 50.0)
"""The values of beta at which the page shows single runs: those at which all seeds keep their weights."""
AUTHORS_20, AUTHORS_100 = "authors, epoch 20", "authors, epoch 100"
DRAWS, JUDGE, CHANCE = "draws from the prior", "judge on test images", "chance"


class Plotted(NamedTuple):
    """A figure: the grids whose runs it reads, the function that draws it from their folders, and which of them it shows."""

    grids: str
    draw: Callable[[list[Path]], Figure]
    choose: Callable[[list[Path]], list[Path]] = lambda runs: runs


def one_for_each(betas: Collection[float]) -> Callable[[list[Path]], list[Path]]:
    """The run that stands for its seeds at each of some betas, among those that keep their weights."""

    def choose(runs: list[Path]) -> list[Path]:
        chosen = by_beta(runs, "model.safetensors")
        return [chosen[beta] for beta in betas]

    return choose


def at(betas: Collection[float]) -> Callable[[list[Path]], list[Path]]:
    """All runs at some betas, on the first split."""

    def choose(runs: list[Path]) -> list[Path]:
        experiments = [(run, record.experiment_of(run)) for run in runs]
        found = [run for run, e in experiments if e.beta in betas and e.split_seed == 1]
        if lacking := set(betas) - {record.experiment_of(run).beta for run in found}:
            raise KeyError(min(lacking))
        return found

    return choose


def one_of_each_scale(runs: list[Path]) -> list[Path]:
    """The run that stands for its seeds, of each width and number of epochs."""
    scales: dict[str, list[Path]] = {}
    for run in runs:
        scales.setdefault(scale(record.experiment_of(run)), []).append(run)
    return [median_run(seeds) for seeds in scales.values()]


def of_seed_1(runs: list[Path]) -> list[Path]:
    return [run for run in runs if record.experiment_of(run).seed == 1]


def named(run: Path) -> str:
    """The setting that a figure varies, as a title: the distance of the centers where there is one, else beta."""
    experiment = record.experiment_of(run)
    return rf"$\beta = {experiment.beta:g}$" if experiment.distance is None else f"$r = {experiment.distance:g}$"


def codes(run: Path) -> tuple[Tensor, Tensor, GaussianMixturePrior]:
    """The codes of a run's test images, their labels, and the prior."""
    arrays = record.arrays(run)
    return arrays["z"], arrays["labels"].long(), record.experiment_of(run).build_prior()


@torch.no_grad()
def decoded(run: Path) -> Tensor:
    """The decoded points of a grid over the authors' square, [-15, 15]^2, every 2.5."""
    model = checkpoint.load_weights(record.experiment_of(run), run / "model.safetensors")
    return model.decode(explain.grid(limit=15, step=2.5))


def mnist_planes(runs: list[Path]) -> Figure:
    return compare.planes({named(run): (*codes(run), decoded(run)) for run in runs}, limits=(24, 15))


def latent(runs: list[Path]) -> Figure:
    return compare.latent_panels({named(run): codes(run) for run in runs}, limit=24)


def mnist_grids(runs: list[Path]) -> Figure:
    return compare.grid_panels({named(run): decoded(run) for run in runs}, limit=15)


def mnist_curves(runs: list[Path]) -> Figure:
    experiments = {run: record.experiment_of(run) for run in runs}
    here = pd.concat(
        pd.read_csv(run / "history.csv").assign(beta=e.beta, seed=e.seed) for run, e in experiments.items()
    )
    theirs = {e.beta: curve for e in experiments.values() if (curve := reference.curve(e)) is not None}
    authors = pd.concat(curve.assign(beta=beta) for beta, curve in theirs.items())
    return compare.curves(here.reset_index(drop=True), authors.reset_index(drop=True))


def mnist_table(runs: list[Path]) -> Figure:
    here = metrics_of(runs)
    panels = {"test_error_pct": "test error (%)", "kl": "KL (nats)", "negative_ssim": "negative SSIM"}
    authors = {AUTHORS_20: reference.at_epoch(20, sorted(here["beta"].unique())), AUTHORS_100: reference.paper()}
    return against(panels, here, authors, {"test_error_pct": {CHANCE: 90.0}})


def explained(panels: dict[str, str], dataset: str) -> Callable[[list[Path]], Figure]:
    """What the latent space is like against beta; percentages with chance and their controls."""

    def draw(runs: list[Path]) -> Figure:
        here = metrics_of(runs)
        means = here.groupby("metric")["value"].mean()
        controls = {
            "center_error_pct": {DRAWS: means["center_error_floor_pct"], CHANCE: 90.0},
            "purity_pct": baselines.lines(dataset),
        }
        if "generation_error_pct" in panels:
            controls["generation_error_pct"] = {JUDGE: means["judge_error_pct"], CHANCE: 90.0}
        return against(panels, here, controls=controls)

    return draw


MNIST_EXPLAINED = {
    "center_error_pct": "center error (%)",
    "placement_error_pct label_uncertainty_pct": "two of its causes (%)",
    "purity_pct": "purity (%)",
    "generation_error_pct": "generation error (%)",
}
CIFAR10_EXPLAINED = {
    "cardinality_mean": "cardinality",
    "v_nat_label v_nat_other": "V-nat (nats)",
    "purity_pct": "purity (%)",
    "center_error_pct": "center error (%)",
}


def mnist_v_nat(runs: list[Path]) -> Figure:
    """V-nat by digit, and in both dimensions at each beta, the mean over the seeds."""
    means = metrics_of(runs).groupby(["beta", "metric"])["value"].mean()
    table = {
        f"$\\beta = {beta:g}$\n$z_{dimension}$": [means[beta, f"v_nat_{label}_{dimension}"] for label in range(10)]
        for beta in SHOWN
        for dimension in (1, 2)
    }
    return compare.heat(pd.DataFrame(table).round(1).add(0.0).rename_axis("digit"), "V-nat (nats)")


def mnist_first_epochs(runs: list[Path]) -> Figure:
    kl = first_epochs.kl_by_epoch(runs)
    authors = {beta: first_epochs.authors_kl(beta) for beta in kl["beta"].unique().tolist()}
    return first_epochs_figure(kl, authors, first_epochs.distances(runs), first_epochs.HALF_WAY)


def with_a_distance(runs: list[Path]) -> list[Path]:
    """In order of the distance."""
    distances = {run: distance for run in runs if (distance := record.experiment_of(run).distance) is not None}
    return sorted(distances, key=lambda run: distances[run])


def design_layouts(runs: list[Path]) -> Figure:
    return compare.latent_panels({layouts.title(record.experiment_of(run)): codes(run) for run in runs}, limit=24)


def design_paths(runs: list[Path]) -> Figure:
    return plots.image_rows({named(run): data.to_float(record.arrays(run)["path"]) for run in runs})


def design_diversity(runs: list[Path]) -> Figure:
    panels = {"path_negative_ssim": "negative SSIM between centers", "center_error_pct": "center error (%)"}
    here = metrics_of(runs)
    draws = here.loc[here["metric"] == "center_error_floor_pct", ["distance", "metric", "value"]]
    beside = {DRAWS: draws.assign(metric="center_error_pct")}
    return against(panels, here, beside, {"center_error_pct": {CHANCE: 50.0}}, by="distance")


def _cells(runs: list[Path]) -> dict[str, Path]:
    """title -> the run, in the order of the ablation's cells; of one seed."""
    experiments = {run: record.experiment_of(run) for run in runs}
    cells = {(e.use_cross_entropy, e.use_kl): run for run, e in experiments.items()}
    if empty := [title for cell, title in CELLS.items() if cell not in cells]:
        raise UserError(f"no run of seed 1 of the cell {empty[0]!r} is finished")
    return {title: cells[cell] for cell, title in CELLS.items()}


def ablation_latent(runs: list[Path]) -> Figure:
    return compare.latent_panels({title: codes(run) for title, run in _cells(runs).items()}, limit=32)


def ablation_grids(runs: list[Path]) -> Figure:
    return compare.grid_panels(
        {title: data.to_float(record.arrays(run)["grid"]) for title, run in _cells(runs).items()}, limit=15
    )


PATH = "ablation/v2_* ablation_paths ablation_seeds/kl_weight-*"


def path_over(setting: str, *metrics: str) -> Callable[[list[Path]], Figure]:
    """Primary outcomes along one path."""
    panels = {metric: ablation.TITLES[metric] for metric in metrics}
    chance = {metric: {CHANCE: ablation.CHANCE[metric]} for metric in metrics}
    return lambda runs: against(panels, along(setting, runs), controls=chance, by=setting)


def cifar10_table(runs: list[Path]) -> Figure:
    panels = {"test_error_pct": "test error (%)", "cardinality_automobile": "cardinality, automobile"}
    authors = {"authors, epoch 600": reference.paper("cifar10")}
    return against(panels, metrics_of(runs), authors, {"test_error_pct": {CHANCE: 90.0}})


def cifar10_v_nat(runs: list[Path]) -> Figure:
    (run,) = runs
    return compare.bands(record.arrays(run)["v_nat"], data.CIFAR10_CLASSES, "V-nat (nats)")


SUBSPACES = {
    "rms_ratio_highest_kl": "highest KL",
    "rms_ratio_at_1": "activated: V-nat above 1",
    "rms_ratio_random": "random, mean of five",
    "rms_ratio_lowest": "lowest V-nat",
}


def cifar10_subspaces(runs: list[Path]) -> Figure:
    """What noise in a subspace changes, beside the same noise in all other dimensions: of each run."""
    table = pd.concat([measured([run], *SUBSPACES) for run in runs]).rename(columns=SUBSPACES)
    table.index = [scale(record.experiment_of(run)) for run in runs]
    return compare.ratios(table.T, "change of a pixel, inside : outside")


BETA, WIDE = "beta beta_seeds", "cifar10_gpu/beta-*"
SCALES = "cifar10_gpu/beta-0.05_* cifar10_day cifar10/beta-0.05_*"
FIRST = "first_epochs beta/beta-0.1_* beta/beta-0.25_* beta/beta-1_* beta_seeds/beta-0.1_* beta_seeds/beta-0.25_*"
CELLS_OF_ALL = "ablation ablation_seeds/v?_*"
FIGURES = {
    "front": Plotted(BETA, latent, one_for_each((5.0,))),
    "mnist-planes": Plotted(BETA, mnist_planes, one_for_each(SHOWN)),
    "mnist-grids": Plotted(BETA, mnist_grids, one_for_each((0.1, 0.5, 5.0, 50.0))),
    "mnist-curves": Plotted(BETA, mnist_curves, at(SHOWN)),
    "mnist-table": Plotted(BETA, mnist_table),
    "mnist-explained": Plotted(BETA, explained(MNIST_EXPLAINED, "mnist")),
    "mnist-first-epochs": Plotted(FIRST, mnist_first_epochs),
    "mnist-v-nat": Plotted(BETA, mnist_v_nat, at(SHOWN)),
    "design-latent": Plotted("prior_design", latent, with_a_distance),
    "design-layouts": Plotted("layouts", design_layouts),
    "design-paths": Plotted("prior_design", design_paths, with_a_distance),
    "design-diversity": Plotted("prior_design", design_diversity, with_a_distance),
    "ablation-latent": Plotted("ablation/v2_*", ablation_latent, of_seed_1),
    "ablation-grids": Plotted("ablation/v2_*", ablation_grids, of_seed_1),
    "ablation-effects": Plotted(CELLS_OF_ALL, ablation.effects),
    "ablation-every-run": Plotted(CELLS_OF_ALL, ablation.every_run),
    "cifar10-curves": Plotted(SCALES, lambda runs: compare.step_curves(*curves(runs)), one_of_each_scale),
    "cifar10-v-nat": Plotted("cifar10_gpu/beta-0.05_*", cifar10_v_nat, lambda runs: [median_run(runs)]),
    "cifar10-table": Plotted(WIDE, cifar10_table),
    "cifar10-explained": Plotted(WIDE, explained(CIFAR10_EXPLAINED, "cifar10")),
    "cifar10-subspaces": Plotted(SCALES, cifar10_subspaces),
    "path-lambda1": Plotted(PATH, path_over("lambda1", "center_error_pct", "test_error_pct")),
    "path-kl": Plotted(PATH, path_over("kl_weight", *ablation.TITLES)),
}
