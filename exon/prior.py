"""The prior p(z): a Gaussian mixture whose components, the conceptual centers, are chosen by hand."""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from exon.errors import UserError


class GaussianMixturePrior(nn.Module):
    """p(y = k) = 1/K and p(z | y = k) = N(means[k], diag(variances[k])); paper, section on the prior.

    Fixed, never trained: `means` and `variances` are buffers, so they move and are saved with the model.

    Args:
        means: (K, d), the conceptual center of each label.
        variances: (K, d), positive.

    Raises:
        UserError: the two shapes differ or are not (K, d), or a variance is not positive.
    """

    means: Tensor
    variances: Tensor

    def __init__(self, means: Tensor, variances: Tensor) -> None:
        super().__init__()
        if means.ndim != 2 or means.shape != variances.shape:
            raise UserError(
                f"means and variances must share one shape (K, d); got {tuple(means.shape)} and {tuple(variances.shape)}."
            )
        if not (means.isfinite().all() and variances.isfinite().all() and (variances > 0).all()):
            raise UserError("means must be finite, and variances finite and positive.")
        self.register_buffer("means", means.float())
        self.register_buffer("variances", variances.float())

    @property
    def num_classes(self) -> int:
        """K, the number of components."""
        return self.means.shape[0]

    @property
    def latent_dim(self) -> int:
        """d, the number of latent dimensions."""
        return self.means.shape[1]

    def sample(self, labels: Int[Tensor, " n"], generator: torch.Generator | None = None) -> Float[Tensor, "n d"]:
        """z ~ p(z | y = labels).

        Args:
            labels: (N,), each in 0..K-1.
            generator: the source of randomness; PyTorch's default one if None.

        Returns:
            (N, d).
        """
        mean, variance = self.means[labels], self.variances[labels]
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        # Not sqrt(): MKL's is off by a last bit in one value of five, and which ones depends on the processor.
        return mean + variance.rsqrt().reciprocal() * noise

    def log_prob(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """log p(z) = logsumexp_k [ log N(z; mu_k, s2_k) ] - log K.

        Args:
            z: (N, d).

        Returns:
            (N,), in nats.
        """
        squared = (z[:, None, :] - self.means) ** 2 / self.variances
        log_normal = -0.5 * (squared + self.variances.log() + math.log(2 * math.pi)).sum(-1)
        return log_normal.logsumexp(1) - math.log(self.num_classes)


def circle(num_classes: int = 10, variance: float = 4.0) -> GaussianMixturePrior:
    """mu_k = r (cos a_k, sin a_k), a_k = (2k + 1) pi / K, r = 2 sqrt(variance) / sin(pi / K).

    Neighbouring centers are four standard deviations apart. The paper's MNIST layout (K = 10, variance 4), d = 2.
    """
    _require(num_classes >= 2, "num_classes", num_classes, "an integer of at least 2")
    _require(variance > 0, "variance", variance, "a positive number")
    radius = 2 * math.sqrt(variance) / math.sin(math.pi / num_classes)
    angles = (2 * torch.arange(num_classes, dtype=torch.float64) + 1) * math.pi / num_classes
    means = radius * torch.stack([angles.cos(), angles.sin()], dim=1)
    return _isotropic(means, variance)


def line(distance: float, variance: float = 4.0) -> GaussianMixturePrior:
    """mu_0 = (-distance, 0), mu_1 = (distance, 0); the paper's prior-design experiment, d = 2."""
    _require(distance > 0, "distance", distance, "a positive number")
    _require(variance > 0, "variance", variance, "a positive number")
    return _isotropic(torch.tensor([[-distance, 0.0], [distance, 0.0]]), variance)


def row(num_classes: int = 10, variance: float = 4.0) -> GaussianMixturePrior:
    """mu_k = (4 sqrt(variance) (k - (K - 1) / 2), 0): the labels in order on a line, as far apart as on the circle.

    Not in the paper: a layout of our own, to check that centers can be assigned freely.
    """
    _require(num_classes >= 2, "num_classes", num_classes, "an integer of at least 2")
    _require(variance > 0, "variance", variance, "a positive number")
    offsets = 4 * math.sqrt(variance) * (torch.arange(num_classes, dtype=torch.float64) - (num_classes - 1) / 2)
    return _isotropic(torch.stack([offsets, torch.zeros_like(offsets)], dim=1), variance)


def grid(num_classes: int = 10, variance: float = 4.0) -> GaussianMixturePrior:
    """Two rows of K/2 centers, neighbours four standard deviations apart: 0, 1, ... from left to right, the upper row first.

    Not in the paper: a layout of our own, to check that centers can be assigned freely.
    """
    _require(num_classes >= 2 and num_classes % 2 == 0, "num_classes", num_classes, "an even integer of at least 2")
    _require(variance > 0, "variance", variance, "a positive number")
    half = num_classes // 2
    label = torch.arange(num_classes, dtype=torch.float64)
    column, height = label % half - (half - 1) / 2, 0.5 - label.div(half, rounding_mode="floor")
    return _isotropic(4 * math.sqrt(variance) * torch.stack([column, height], dim=1), variance)


def single(num_classes: int = 10, variance: float = 4.0) -> GaussianMixturePrior:
    """mu_k = (0, 0) for every label: the mixture collapses to one Gaussian N(0, variance I).

    Not in the paper: the control without the multi-modality that is to separate the labels.
    """
    _require(num_classes >= 2, "num_classes", num_classes, "an integer of at least 2")
    _require(variance > 0, "variance", variance, "a positive number")
    return _isotropic(torch.zeros(num_classes, 2), variance)


def one_hot(
    num_classes: int = 10,
    latent_dim: int = 256,
    distance: float = 1.0,
    label_variance: float = 0.1,
    noise_variance: float = 1.0,
) -> GaussianMixturePrior:
    """mu_k = distance * e_k; variance label_variance on the first K dimensions, noise_variance on the rest.

    The paper's CIFAR-10 layout: the label dimensions tell the classes apart, the others carry what they share.
    """
    _require(latent_dim >= num_classes >= 2, "latent_dim", latent_dim, f"at least num_classes = {num_classes} (>= 2)")
    for name, value in (("distance", distance), ("label_variance", label_variance), ("noise_variance", noise_variance)):
        _require(value > 0, name, value, "a positive number")
    means = distance * torch.eye(num_classes, latent_dim)
    variances = torch.full((num_classes, latent_dim), float(noise_variance))
    variances[:, :num_classes] = label_variance
    return GaussianMixturePrior(means, variances)


def reassigned(prior: GaussianMixturePrior, order: Sequence[int]) -> GaussianMixturePrior:
    """The same centers for other labels: label k takes the component order[k].

    Raises:
        UserError: `order` is not a permutation of 0..K-1.
    """
    accepted = f"a permutation of 0..{prior.num_classes - 1}"
    _require(sorted(order) == list(range(prior.num_classes)), "order", list(order), accepted)
    return GaussianMixturePrior(prior.means[list(order)], prior.variances[list(order)])


LAYOUTS: dict[str, Callable[..., GaussianMixturePrior]] = {
    "circle": circle,
    "line": line,
    "row": row,
    "grid": grid,
    "single": single,
    "one_hot": one_hot,
}
"""Name of a layout -> the function that builds it; an experiment's `prior` is one of these names."""


def _isotropic(means: Tensor, variance: float) -> GaussianMixturePrior:
    return GaussianMixturePrior(means, torch.full_like(means, variance))


def _require(condition: bool, name: str, value: object, accepted: str) -> None:
    if not condition:
        raise UserError(f"{name} = {value!r} is not accepted: give {accepted}.")
