"""Controls for the activated latent subspace: is it the choice of dimensions, or their number, that changes an image?

The same noise goes into the dimensions of a subspace, and into all others. The activated subspace of each class is held
against subspaces of as many dimensions that are chosen otherwise.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from exon import explain, metrics
from exon.evaluation.latent import THRESHOLDS
from exon.model import EXoN

DRAWS = 5
"""How many random subspaces are averaged over."""
NAMES = (
    *(f"rms_ratio_at_{delta:g}" for delta in THRESHOLDS),
    *("rms_ratio_lowest", "rms_ratio_highest_kl", "rms_ratio_random"),
)


def highest(score: Float[Tensor, "k d"], sizes: Int[Tensor, " k"]) -> Bool[Tensor, "k d"]:
    """For each class k the sizes_k dimensions of the highest score."""
    return score.argsort(1, descending=True).argsort(1) < sizes[:, None]


def rms_ratios(
    model: EXoN,
    z: Float[Tensor, "n d"],
    classes: Int[Tensor, " n"],
    subspaces: dict[str, Bool[Tensor, "k d"]],
    noise: Float[Tensor, "n d"],
) -> dict[str, float]:
    """For each subspace S: r(S) / r(not S),  r(S) = sqrt( mean over images and pixels of ( D(z + noise on S_y) - D(z) )^2 ).

    Args:
        z: (N, d), codes, on the model's device.
        classes: (N,), whose subspace is taken for each code.
        subspaces: name -> (K, d).
        noise: (N, d), or how each code differs from another one.

    Returns:
        name -> ratio; without those subspaces that have no dimension for any image, or all that change any.
    """
    base = metrics.decode_all(model, z)

    def change(inside: Tensor) -> Tensor:
        return (metrics.decode_all(model, explain.perturb(z, inside, noise)) - base).square().mean().sqrt()

    ratios = {}
    for name, subspace in subspaces.items():
        inside = subspace.to(z.device)[classes.to(z.device)]
        if inside.any() and (outside := change(~inside)) > 0:
            ratios[name] = (change(inside) / outside).item()
    return ratios


def summarize(
    model: EXoN,
    z: Float[Tensor, "n d"],
    classes: Int[Tensor, " n"],
    v_nat: Float[Tensor, "k d"],
    kl: Float[Tensor, " d"],
    noise: Float[Tensor, "n d"],
    generator: torch.Generator,
) -> dict[str, float]:
    """`rms_ratios` of the activated subspace and of its controls, by name.

    Args:
        z, classes, noise: as in `rms_ratios`.
        v_nat: (K, d), on the CPU.
        kl: (d,), the KL by dimension (`exon.evaluation.latent.kl_by_dimension`).
        generator: the CPU's, of the random subspaces.

    Returns:
        rms_ratio_at_<threshold> of the dimensions with V-nat above it; and of as many as at threshold 1, rms_ratio_random (mean
        over DRAWS subspaces), rms_ratio_lowest (of V-nat) and rms_ratio_highest_kl: NAMES, without those that have no ratio.
    """
    sizes = explain.activated(v_nat).sum(1)
    subspaces = {f"rms_ratio_at_{delta:g}": explain.activated(v_nat, delta) for delta in THRESHOLDS}
    subspaces |= {
        "rms_ratio_lowest": highest(-v_nat, sizes),
        "rms_ratio_highest_kl": highest(kl.cpu().expand_as(v_nat), sizes),
    }
    random = {str(i): highest(torch.rand(v_nat.shape, generator=generator), sizes) for i in range(DRAWS)}
    ratios = rms_ratios(model, z, classes, subspaces | random, noise)
    drawn = [ratios.pop(name) for name in random if name in ratios]
    return ratios | ({"rms_ratio_random": sum(drawn) / DRAWS} if len(drawn) == DRAWS else {})


def at_draws(
    model: EXoN,
    draws: Float[Tensor, "n d"],
    others: Float[Tensor, "n d"],
    classes: Int[Tensor, " n"],
    v_nat: Float[Tensor, "k d"],
    kl: Float[Tensor, " d"],
    noise: Float[Tensor, "n d"],
    seed: int,
) -> dict[str, float]:
    """`summarize` at draws from the prior: with noise (drawn_<name>), and with the values of other draws (redrawn_<name>).

    In the second, r(S)^2 is the mean of ( D(z' on S, z elsewhere) - D(z) )^2: what the dimensions S add to the difference of two
    images of a class.

    Args:
        draws: (N, d), z ~ p(z | class), on the model's device.
        others: (N, d), z', other draws for the same classes.
        classes, v_nat, kl, noise: as in `summarize`.
        seed: of the random subspaces, the same for both.
    """
    numbers: dict[str, float] = {}
    for prefix, move in (("drawn", noise), ("redrawn", others - draws)):
        generator = torch.Generator().manual_seed(seed)
        found = summarize(model, draws, classes, v_nat, kl, move, generator)
        numbers |= {f"{prefix}_{name}": value for name, value in found.items()}
    return numbers
