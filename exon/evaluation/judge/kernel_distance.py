"""The kernel inception distance (Binkowski et al. 2018, arXiv:1801.01401) between two sets of features."""

import torch
from jaxtyping import Float
from torch import Tensor

from exon.errors import UserError


def squared_mmd(x: Float[Tensor, "n f"], y: Float[Tensor, "m f"]) -> float:
    """mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j),  k(a, b) = (a . b / F + 1)^3.

    The unbiased estimate of the squared maximum mean discrepancy, section 3 of the paper: its mean is 0 for two sets of one
    distribution, so that it may be negative.

    Args:
        x, y: (N, F) and (M, F), on the CPU; two rows or more each.
    """
    x, y = x.double(), y.double()
    within = [(_kernel(a, a).sum() - _kernel_of_each(a).sum()) / (len(a) * (len(a) - 1)) for a in (x, y)]
    return (within[0] + within[1] - 2 * _kernel(x, y).mean()).item()


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    return (a @ b.T / a.shape[1] + 1) ** 3


def _kernel_of_each(a: Tensor) -> Tensor:
    return (a.square().mean(1) + 1) ** 3


def kernel_distance(
    x: Float[Tensor, "n f"], y: Float[Tensor, "m f"], generator: torch.Generator, size: int = 1000
) -> tuple[float, float]:
    """The mean of `squared_mmd` over pairs of disjoint subsets, and the standard error of that mean.

    Args:
        x, y: (N, F) and (M, F), on the CPU.
        generator: of the order in which rows go into the subsets.
        size: of each subset, as in the paper; half of the smaller set if that is less.

    Raises:
        UserError: a set has fewer than four rows.
    """
    fewest = min(len(x), len(y))
    if fewest < 4:
        raise UserError(f"{fewest} images are too few for a kernel distance: give at least 4.")
    size = min(size, fewest // 2)
    parts = [set_[torch.randperm(len(set_), generator=generator)].split(size)[: fewest // size] for set_ in (x, y)]
    values = torch.tensor([squared_mmd(a, b) for a, b in zip(*parts, strict=True)])
    return values.mean().item(), values.std().item() / len(values) ** 0.5


def kernel_distance_of_pairs(
    x: Float[Tensor, "n f"], y: Float[Tensor, "n f"], generator: torch.Generator, size: int = 1000
) -> tuple[float, float]:
    """`kernel_distance` of two sets whose rows belong together: of one half of x, drawn at random, and the other half of y.

    A row of y that was made from one of x would make the distance too small: the estimate takes the sets as independent.
    """
    first, second = torch.randperm(len(x), generator=generator).tensor_split(2)
    return kernel_distance(x[first], y[second], generator, size)
