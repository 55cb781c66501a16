"""The metrics that notebooks report alike, each computed in one place."""

import torch
from torch import Tensor

from exon import data, explain, metrics
from exon.evaluation import judge, latent, traits
from exon.experiment import Experiment, derive_seed
from exon.train import Fitted


def of_classifier(fitted: Fitted, dataset: data.Dataset, encoded: dict[str, Tensor]) -> dict[str, float]:
    """What the classifier says of the test images, which needs neither encoder nor decoder.

    Args:
        encoded: what `exon.metrics.encode_all` or `exon.metrics.classify_all` returns for them.

    Returns:
        name -> value: those of `exon.metrics.summarize`, its error as test_error_pct, validation_error_pct, and
        label_uncertainty_pct, the mean of 1 - w_y.
    """
    measured = metrics.summarize(encoded, dataset.test_labels)
    return {
        "test_error_pct": measured.pop("error_pct"),
        **measured,
        "validation_error_pct": fitted.history[-1]["validation_error_pct"],
        "label_uncertainty_pct": latent.label_uncertainty_pct(encoded["log_weights"], dataset.test_labels),
    }


def of_codes(fitted: Fitted, dataset: data.Dataset, encoded: dict[str, Tensor]) -> dict[str, float]:
    """What the test images and their codes say: error and ELBO terms, centers, neighbours, subspace.

    Args:
        fitted: the trained model.
        dataset: its test images are the ones encoded.
        encoded: what `exon.metrics.encode_all` returns for them.

    Returns:
        name -> value: those of `of_classifier`, `exon.evaluation.latent.summarize` and `exon.evaluation.traits.summarize`,
        center_error_pct, purity_pct, v_nat (the mean over classes and dimensions) and cardinality_mean.
    """
    labels, prior = dataset.test_labels, fitted.model.prior
    v_nat = explain.v_nat(encoded["log_variance"], labels.to(prior.means.device), prior).cpu()
    return {
        **of_classifier(fitted, dataset, encoded),
        "center_error_pct": metrics.center_error_pct(encoded["z"], labels, prior),
        "purity_pct": metrics.purity_pct(encoded["z"], labels),
        "v_nat": v_nat.mean().item(),
        "cardinality_mean": explain.activated(v_nat).sum(1).float().mean().item(),
        **latent.summarize(encoded, labels, prior, v_nat),
        **traits.summarize(encoded["z"], labels, dataset.test_images, prior),
    }


def of_draws(
    experiment: Experiment, fitted: Fitted, dataset: data.Dataset, generator: torch.Generator
) -> dict[str, float]:
    """What draws from the prior say: how often they miss their own center, and what the judge makes of their images.

    Args:
        generator: the source of the draws that are decoded; those that are held against the centers have their own.

    Returns:
        center_error_floor_pct, the center error of draws from the prior itself; generation_error_pct; judge_error_pct, the
        judge's error on the real test images.
    """
    labels = torch.arange(experiment.num_classes).repeat_interleave(1000)
    prior = experiment.build_prior()
    draws = prior.sample(labels, torch.Generator().manual_seed(derive_seed(experiment.seed, "floor")))
    classes = experiment.classes or tuple(range(experiment.num_classes))
    the_judge = judge.load(experiment.dataset).to(fitted.model.prior.means.device)
    real = data.to_float(dataset.test_images)
    return {
        "center_error_floor_pct": metrics.center_error_pct(draws, labels, prior),
        "generation_error_pct": judge.generation_error_pct(the_judge, fitted.model, generator, classes),
        "judge_error_pct": judge.error_pct(the_judge, real, torch.tensor(classes)[dataset.test_labels]),
    }
