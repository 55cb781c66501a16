"""The named terms of the objective, each per example, and the objective that adds them up::

    sum recon + beta * (sum kl_label + sum kl_latent + sum ce)
              + lambda1 * (sum ce + sum sci_labelled)
              + lambda2(epoch) * sum sci_unlabelled

Sums run over the batch, as the authors write them.
"""

import math
from collections.abc import Callable
from functools import reduce
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Beta

from exon.prior import GaussianMixturePrior


def reconstruction(x: Float[Tensor, "n *pixels"], x_hat: Float[Tensor, "n *pixels"]) -> Float[Tensor, " n"]:
    """1/2 ||x - x_hat||^2, summed over pixels: -beta log p(x | z) up to a constant, p(x | z) = N(x_hat, beta I).

    Args:
        x, x_hat: (N, C, H, W), pixels in [-1, 1].

    Returns:
        (N,).
    """
    return 0.5 * (x - x_hat).square().flatten(1).sum(1)


def kl_label(log_weights: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
    """KL(q(y | x) || p(y)) = sum_k w_k (log w_k + log K), for the uniform prior over K labels.

    Args:
        log_weights: (N, K), log q(y = k | x); -inf is allowed and counts as w_k = 0.

    Returns:
        (N,), nats in [0, log K].
    """
    finite = log_weights.clamp(min=torch.finfo(log_weights.dtype).min)
    return math.log(log_weights.shape[1]) + (log_weights.exp() * finite).sum(1)


def kl_latent(
    log_weights: Float[Tensor, "n k"],
    mean: Float[Tensor, "n k d"],
    log_variance: Float[Tensor, "n k d"],
    prior: GaussianMixturePrior,
) -> Float[Tensor, " n"]:
    """sum_k w_k KL(N(m_k, diag v_k) || N(mu_k, diag s2_k)), the second half of KL(q(y, z | x) || p(y, z)).

    The inner KL is sum_j 1/2 [ (m_kj - mu_kj)^2 / s2_kj - 1 + log s2_kj + v_kj / s2_kj - log v_kj ].

    Args:
        log_weights: (N, K), log q(y = k | x).
        mean, log_variance: (N, K, d), m_k and log v_k.
        prior: K components in d dimensions.

    Returns:
        (N,), nats, >= 0.
    """
    squared_shift = (mean - prior.means).square() / prior.variances
    log_ratio = log_variance - prior.variances.log()
    per_component = 0.5 * (squared_shift - 1 - log_ratio + log_ratio.exp()).sum(2)
    return (log_weights.exp() * per_component).sum(1)


def cross_entropy(log_weights: Float[Tensor, "n k"], target: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
    """-sum_k target_k log w_k.

    Args:
        log_weights: (N, K), log q(y = k | x).
        target: (N, K), probabilities; one-hot for a known label.

    Returns:
        (N,), nats, >= 0.
    """
    return -torch.where(target > 0, target * log_weights, 0.0).sum(1)


def mix_up(
    images: Float[Tensor, "n c h w"],
    targets: Float[Tensor, "n k"],
    weight: Float[Tensor, ""] | float,
    permutation: Tensor,
) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, "n k"]]:
    """x~ = c x_pi + (1 - c) x and y~ = c y_pi + (1 - c) y, with one weight c for the whole batch.

    SCI, soft-label consistency interpolation, is `cross_entropy` of the classifier on x~ against y~: labelled images with
    c ~ Beta(0.1, 0.1) and their labels, unlabelled ones with c ~ Beta(2, 2) and pseudo-labels.

    Args:
        images: (N, C, H, W).
        targets: (N, K), probabilities.
        weight: c, in [0, 1].
        permutation: (N,), the shuffle pi.

    Returns:
        The mixed images and targets, of the same shapes.
    """
    return torch.lerp(images, images[permutation], weight), torch.lerp(targets, targets[permutation], weight)


def mix_weights(a: float, device: torch.device) -> Callable[[], Tensor | float]:
    """A function that draws c ~ Beta(a, a) for `mix_up`: on CUDA a tensor, for which the CPU does not wait, else a number."""
    distribution = Beta(*torch.full((2,), a, device=device if device.type == "cuda" else "cpu"))
    return distribution.sample if device.type == "cuda" else lambda: distribution.sample().item()


def ramp_up(epoch: int, rampup_epochs: int) -> float:
    """exp(-5 (1 - min(1, epoch / rampup_epochs))^2), in (0, 1]: the share of lambda1 that lambda2 has reached.

    Args:
        epoch: counted from 0.
        rampup_epochs: where it reaches 1; 0 means at once.
    """
    progress = min(1.0, epoch / rampup_epochs) if rampup_epochs > 0 else 1.0
    return math.exp(-5 * (1 - progress) ** 2)


class Terms(NamedTuple):
    """The terms of one step, each (N,) or None where it is off. N differs: the images under the bound in the first three, the
    labelled ones in the next two, the unlabelled ones in the last.
    """

    recon: Tensor | None = None
    kl_label: Tensor | None = None
    kl_latent: Tensor | None = None
    cross_entropy: Tensor | None = None
    sci_labelled: Tensor | None = None
    sci_unlabelled: Tensor | None = None


def objective(
    terms: Terms,
    beta: Float[Tensor, ""] | float,
    lambda1: float,
    lambda2: Float[Tensor, ""] | float,
    kl_weight: float = 1.0,
    elbo_weight: float = 1.0,
) -> Float[Tensor, ""]:
    """sum recon + beta (kl_weight (sum kl_label + sum kl_latent) + sum ce) + lambda1 (sum ce + sum sci_l) + lambda2 sum sci_u.

    A term that is None is absent: the ablation leaves out cross-entropy or SCI that way, and the KL with kl_weight = 0. The
    control that trains the classifier alone has none of the first three.
    kl_weight = 1 is the paper's objective; without the two SCI terms it is that of the paper's first two versions.

    Args:
        terms: per-example terms, one of them at least.
        beta: the decoder's variance, > 0.
        lambda1, lambda2: weights of the labelled and of the unlabelled classification terms.
        kl_weight: factor on both KL terms.
        elbo_weight: factor on reconstruction and KL, where they are of a part of the batch.

    Returns:
        A scalar, the sum over the batch.
    """
    parts = []
    if terms.recon is not None:
        parts.append(elbo_weight * terms.recon.sum())
    if kl_weight and terms.kl_label is not None and terms.kl_latent is not None:
        parts.append(elbo_weight * beta * kl_weight * (terms.kl_label.sum() + terms.kl_latent.sum()))
    if terms.cross_entropy is not None:
        parts.append((beta + lambda1) * terms.cross_entropy.sum())
    if terms.sci_labelled is not None:
        parts.append(lambda1 * terms.sci_labelled.sum())
    if terms.sci_unlabelled is not None:
        parts.append(lambda2 * terms.sci_unlabelled.sum())
    return reduce(torch.add, parts)
