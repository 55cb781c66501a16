"""What a latent space is read by beside V-nat and the center error: their parts, their controls and their baselines.

All numbers are means over the images given.
"""

import torch
from jaxtyping import Float, Int
from scipy import stats
from torch import Tensor

from exon import explain, metrics
from exon.evaluation import traits
from exon.prior import GaussianMixturePrior

THRESHOLDS = (0.25, 0.5, 1.0, 1.5, 2.0)


def placement_error_pct(mean: Float[Tensor, "n k d"], labels: Int[Tensor, " n"], prior: GaussianMixturePrior) -> float:
    """Share of images whose own component's mean m_y(x) lies nearest to a center that is not that of y, in percent.

    The part of the center error that is the encoder's: whatever the classifier says, the component of the true label is
    looked at, and no noise is drawn.

    Args:
        mean: (N, K, d), m_k(x) of every component.
        labels: (N,), y.
    """
    return metrics.center_error_pct(metrics.of_own_component(mean, labels), labels, prior)


def label_uncertainty_pct(log_weights: Float[Tensor, "n k"], labels: Int[Tensor, " n"]) -> float:
    """Mean of 1 - w_y(x), in percent: how often a code is drawn from a component that is not that of the true label.

    Args:
        log_weights: (N, K), log q(y = k | x).
        labels: (N,), y.
    """
    own = log_weights.cpu().double().exp().gather(1, labels.cpu()[:, None])
    return 100 * (1 - own.mean().item())


def kl_by_dimension(
    log_weights: Float[Tensor, "n k"],
    mean: Float[Tensor, "n k d"],
    log_variance: Float[Tensor, "n k d"],
    prior: GaussianMixturePrior,
) -> Float[Tensor, " d"]:
    """mean_x sum_k w_k 1/2 [ (m_kj - mu_kj)^2 / s2_kj - 1 + log s2_kj + v_kj / s2_kj - log v_kj ], for every dimension j.

    Their sum over j is the mean of `exon.losses.kl_latent`.

    Returns:
        (d,), nats, >= 0.
    """
    log_ratio = log_variance - prior.variances.log()
    terms = 0.5 * ((mean - prior.means).square() / prior.variances - 1 - log_ratio + log_ratio.exp())
    return (log_weights.exp()[:, :, None] * terms).sum(1).mean(0)


def active_units(
    log_weights: Float[Tensor, "n k"], mean: Float[Tensor, "n k d"], threshold: float = 0.01
) -> Int[Tensor, ""]:
    """How many dimensions j have Var_x( E_q[z_j | x] ) > threshold, with E_q[z | x] = sum_k w_k m_k(x).

    Burda, Grosse and Salakhutdinov (2016), arXiv:1509.00519, section 5.2; the threshold is theirs.
    """
    expected = (log_weights.exp()[:, :, None] * mean).sum(1)
    return (expected.var(0) > threshold).sum()


def rank_correlation(first: Float[Tensor, " d"], second: Float[Tensor, " d"]) -> float:
    """Spearman's rank correlation of two statistics over the dimensions, in [-1, 1]."""
    return float(stats.spearmanr(first.cpu().numpy(), second.cpu().numpy()).statistic)


def cardinalities(v_nat: Float[Tensor, "k d"]) -> dict[float, float]:
    """Threshold -> number of activated dimensions, the mean over classes: what the paper's delta = 1 hangs on."""
    return {delta: explain.activated(v_nat, delta).sum(1).cpu().double().mean().item() for delta in THRESHOLDS}


def without_model(images: Tensor, labels: Int[Tensor, " n"], components: int = 2) -> dict[str, float]:
    """The purity and the traits that need no model: of raw pixels, of their first principal components, and purity by chance.

    Args:
        images: (N, C, H, W), uint8.
        labels: (N,).
        components: how many principal components stand beside a latent space of as many dimensions.

    Returns:
        purity_pixels_pct, purity_components_pct, pixels_trait_<name> and components_trait_<name>; purity_chance_pct, the share
        of a label among the other points averaged over points.
    """
    pixels = images.flatten(1).float() / 255
    centered = pixels - pixels.mean(0)
    directions = torch.linalg.eigh(centered.T @ centered).eigenvectors[:, -components:]
    counts = labels.bincount().double()
    chance = ((counts * (counts - 1)).sum() / (len(labels) * (len(labels) - 1))).item()
    numbers = {"purity_chance_pct": 100 * chance}
    for name, z in {"pixels": pixels, "components": centered @ directions}.items():
        numbers[f"purity_{name}_pct"] = metrics.purity_pct(z, labels)
        numbers |= {f"{name}_{trait}": value for trait, value in traits.summarize(z, labels, images).items()}
    return numbers


def summarize(
    encoded: dict[str, Tensor], labels: Int[Tensor, " n"], prior: GaussianMixturePrior, v_nat: Float[Tensor, "k d"]
) -> dict[str, float]:
    """The numbers of this module for one run, by name.

    Args:
        encoded: what `exon.metrics.encode_all` returns.
        labels: (N,), the true labels.
        prior: on the device of the codes.
        v_nat: (K, d), of the same images.

    Returns:
        placement_error_pct, label_uncertainty_pct, active_units, cardinality_at_<threshold>; with more dimensions than two
        also v_nat_kl_correlation, the rank correlation of V-nat (mean over classes) with the KL by dimension.
    """
    log_weights, mean = encoded["log_weights"], encoded["mean"]
    numbers: dict[str, float] = {
        "placement_error_pct": placement_error_pct(mean, labels, prior),
        "label_uncertainty_pct": label_uncertainty_pct(log_weights, labels),
        "active_units": active_units(log_weights, mean).item(),
        **{f"cardinality_at_{delta:g}": count for delta, count in cardinalities(v_nat).items()},
    }
    if v_nat.shape[1] > 2:
        kl = kl_by_dimension(log_weights, mean, encoded["log_variance"], prior)
        numbers["v_nat_kl_correlation"] = rank_correlation(v_nat.mean(0), kl)
    return numbers
