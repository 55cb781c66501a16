"""The figures that set several runs beside each other, drawn from their records while the book is built.

FIGURES: name -> the grids whose runs it reads, and the function that draws it from their folders.
"""

from collections.abc import Callable, Collection
from pathlib import Path

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from exon import data, explain
from exon.errors import UserError
from exon.evaluation import reference
from exon.evaluation.tables import CELLS, along, metrics_of
from exon.figures import compare, plots
from exon.prior import GaussianMixturePrior
from exon.runs import checkpoint, record
from exon_book import ablation
from exon_book.tables.trials import curves

PANELS = (0.1, 0.5, 5.0, 50.0)
AUTHORS_20, AUTHORS_100 = "authors, epoch 20", "authors, epoch 100"


def by_beta(runs: list[Path]) -> dict[float, Path]:
    """beta -> the run of seed 1, in order of beta."""
    experiments = {run: record.experiment_of(run) for run in runs}
    return {e.beta: run for run, e in sorted(experiments.items(), key=lambda item: item[1].beta) if e.seed == 1}


def codes(run: Path) -> tuple[Tensor, Tensor, GaussianMixturePrior]:
    """The codes of a run's test images, their labels, and the prior."""
    arrays = record.arrays(run)
    return arrays["z"], arrays["labels"].long(), record.experiment_of(run).build_prior()


def mnist_latent(runs: list[Path]) -> Figure:
    chosen = by_beta(runs)
    return compare.latent_panels({rf"$\beta = {beta:g}$": codes(chosen[beta]) for beta in PANELS}, limit=24)


@torch.no_grad()
def mnist_grids(runs: list[Path]) -> Figure:
    chosen, panels = by_beta(runs), {}
    for beta in PANELS:
        run = chosen[beta]
        model = checkpoint.load_weights(record.experiment_of(run), run / "model.safetensors")
        panels[rf"$\beta = {beta:g}$"] = model.decode(explain.grid(limit=15, step=2.5))
    return compare.grid_panels(panels, limit=15)


def _curves(runs: list[Path], betas: Collection[float]) -> tuple[dict[float, pd.DataFrame], dict[float, pd.DataFrame]]:
    chosen = {beta: run for beta, run in by_beta(runs).items() if beta in betas}
    histories = {beta: pd.read_csv(run / "history.csv") for beta, run in chosen.items()}
    curves = {beta: reference.curve(record.experiment_of(run)) for beta, run in chosen.items()}
    return histories, {beta: curve for beta, curve in curves.items() if curve is not None}


def mnist_error_curves(runs: list[Path]) -> Figure:
    return compare.error_curves(*_curves(runs, PANELS))


def mnist_term_curves(runs: list[Path]) -> Figure:
    return compare.term_curves(*_curves(runs, (0.1, 1.0, 50.0)))


def mnist_table(runs: list[Path]) -> Figure:
    here = metrics_of(runs)
    panels = {"test_error_pct": "test error (%)", "kl": "KL (nats)", "negative_ssim": "negative SSIM"}
    authors = {AUTHORS_20: reference.at_epoch(20, sorted(here["beta"].unique())), AUTHORS_100: reference.paper()}
    return compare.against(panels, here, authors)


def explained(panels: dict[str, str]) -> Callable[[list[Path]], Figure]:
    """What the latent space is like against beta, with the floors of center error and generation error."""

    def draw(runs: list[Path]) -> Figure:
        here = metrics_of(runs)
        means = here.groupby("metric")["value"].mean()
        floors = {"center_error_pct": means["center_error_floor_pct"], "generation_error_pct": means["judge_error_pct"]}
        return compare.against(panels, here, floors=floors)

    return draw


MNIST_EXPLAINED = {
    "center_error_pct": "center error (%)",
    "purity_pct": "purity (%)",
    "generation_error_pct": "generation error (%)",
    "v_nat": "V-nat (nats)",
    "cardinality_mean": "cardinality",
}
CIFAR10_EXPLAINED = {
    "cardinality_mean": "cardinality",
    "v_nat_label": "V-nat, label dimensions (nats)",
    "v_nat_other": "V-nat, the others (nats)",
    "v_nat_correlation": "correlation of V-nat",
    "purity_pct": "purity (%)",
    "center_error_pct": "center error (%)",
    "generation_error_pct": "generation error (%)",
    "judge_score": "judge score",
}


def mnist_v_nat(runs: list[Path]) -> Figure:
    table = metrics_of(list(by_beta(runs).values()))
    panels = {}
    for dimension in (1, 2):
        names = {f"v_nat_{label}_{dimension}": label for label in range(10)}
        chosen = table[table["metric"].isin(names)].replace({"metric": names})
        panels[f"$z_{dimension}$"] = chosen.pivot(index="beta", columns="metric", values="value")
    return compare.class_lines(panels, "V-nat (nats)")


def _by_distance(runs: list[Path]) -> dict[float, Path]:
    distances = [(record.experiment_of(run).distance, run) for run in runs]
    return dict(sorted((distance, run) for distance, run in distances if distance is not None))


def design_latent(runs: list[Path]) -> Figure:
    panels = {}
    for distance, run in _by_distance(runs).items():
        panels[f"$r = {distance:g}$"] = codes(run)
    return compare.latent_panels(panels, limit=24)


def design_paths(runs: list[Path]) -> Figure:
    return plots.image_rows(
        {
            f"$r = {distance:g}$": data.to_float(record.arrays(run)["path"])
            for distance, run in _by_distance(runs).items()
        }
    )


def design_diversity(runs: list[Path]) -> Figure:
    panels = {"path_negative_ssim": "negative SSIM between centers", "center_error_pct": "center error (%)"}
    return compare.against(panels, metrics_of(list(_by_distance(runs).values())), by="distance")


def _cells(runs: list[Path]) -> dict[str, Path]:
    """title -> the run of seed 1, in the order of the ablation's cells."""
    experiments = {run: record.experiment_of(run) for run in runs}
    cells = {(e.use_cross_entropy, e.use_kl): run for run, e in experiments.items() if e.seed == 1}
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
    return lambda runs: compare.against(panels, along(setting, runs), by=setting)


def cifar10_table(runs: list[Path]) -> Figure:
    panels = {"test_error_pct": "test error (%)", "cardinality_automobile": "cardinality, automobile"}
    return compare.against(panels, metrics_of(runs), {"authors, epoch 600": reference.paper("cifar10")})


def cifar10_ratio(runs: list[Path]) -> Figure:
    names = {"change_ratio": "value", "change_ratio_low": "low", "change_ratio_high": "high"}
    table = metrics_of(runs).replace({"metric": names})
    table = table[table["metric"].isin(names.values())].pivot(index="beta", columns="metric", values="value")
    return compare.intervals(table, "change of the image, inside : outside")


FIGURES: dict[str, tuple[str, Callable[[list[Path]], Figure]]] = {
    "mnist-latent": ("beta", mnist_latent),
    "mnist-grids": ("beta", mnist_grids),
    "mnist-error-curves": ("beta", mnist_error_curves),
    "mnist-term-curves": ("beta", mnist_term_curves),
    "mnist-table": ("beta", mnist_table),
    "mnist-explained": ("beta", explained(MNIST_EXPLAINED)),
    "mnist-v-nat": ("beta", mnist_v_nat),
    "design-latent": ("prior_design", design_latent),
    "design-paths": ("prior_design", design_paths),
    "design-diversity": ("prior_design", design_diversity),
    "ablation-latent": ("ablation/v2_*", ablation_latent),
    "ablation-grids": ("ablation/v2_*", ablation_grids),
    "ablation-effects": ("ablation ablation_seeds/v?_*", ablation.effects),
    "ablation-every-run": ("ablation ablation_seeds/v?_*", ablation.every_run),
    "cifar10-curves": ("cifar10/beta-0.05_*", lambda runs: compare.step_curves(*curves(runs))),
    "cifar10-table": ("cifar10/beta-*", cifar10_table),
    "cifar10-explained": ("cifar10/beta-*", explained(CIFAR10_EXPLAINED)),
    "cifar10-ratio": ("cifar10/beta-*", cifar10_ratio),
    "path-lambda1": (PATH, path_over("lambda1", "center_error_pct", "test_error_pct")),
    "path-kl": (PATH, path_over("kl_weight", *ablation.TITLES)),
}
