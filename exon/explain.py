"""Reading the latent space: V-nat, the activated latent subspace, and walks through the decoder's input."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from exon.errors import UserError
from exon.metrics import decode_all
from exon.model import EXoN
from exon.prior import GaussianMixturePrior


def v_nat(
    log_variance: Float[Tensor, "n k d"], labels: Int[Tensor, " n"], prior: GaussianMixturePrior
) -> Float[Tensor, "k d"]:
    """V_k(j) = log mean_{x in class k} [ s2_kj / v_kj(x) ]; paper, section on the activated latent subspace.

    Near 0 the posterior of dimension j is as wide as the prior: the dimension carries nothing about images of class k.

    Args:
        log_variance: (N, K, d), log v_k(x) of every class head.
        labels: (N,), the class of each image.
        prior: the mixture with variances s2.

    Returns:
        (K, d), in nats.

    Raises:
        UserError: a class has no image.
    """
    log_ratio = prior.variances.log() - log_variance
    rows = []
    for k in range(prior.num_classes):
        own = log_ratio[labels == k, k]
        if not len(own):
            raise UserError(f"labels hold no image of class {k}: V-nat needs at least one of every class.")
        rows.append(own.logsumexp(0) - torch.tensor(float(len(own))).log())
    return torch.stack(rows)


def activated(v_nat: Float[Tensor, "k d"], delta: float = 1.0) -> Bool[Tensor, "k d"]:
    """The activated latent subspace of class k: { j : V_k(j) > delta }. Its size is the paper's cardinality."""
    return v_nat > delta


def interpolate(start: Float[Tensor, " d"], end: Float[Tensor, " d"], steps: int) -> Float[Tensor, "steps d"]:
    """z_t = (1 - t) start + t end for `steps` evenly spaced t in [0, 1]."""
    t = torch.linspace(0, 1, steps, device=start.device)[:, None]
    return torch.lerp(start, end, t)


def traverse(z: Float[Tensor, " d"], dimension: int, values: Float[Tensor, " m"]) -> Float[Tensor, "m d"]:
    """Copies of z whose coordinate `dimension` takes each of the values."""
    walk = z.repeat(len(values), 1)
    walk[:, dimension] = values
    return walk


def perturb(
    z: Float[Tensor, "n d"], subspace: Bool[Tensor, "*points d"], noise: Float[Tensor, "n d"]
) -> Float[Tensor, "n d"]:
    """z + noise on the dimensions of the subspace, z elsewhere: the same noise can be put inside or outside of it.

    Args:
        subspace: (d,) for all points, or (n, d), one for each.
    """
    return z + noise * subspace


@torch.no_grad()
def pixel_change(
    model: EXoN,
    z: Float[Tensor, "n d"],
    subspace: Bool[Tensor, "*points d"],
    noise: Float[Tensor, "n d"],
    batch: int = 250,
) -> Float[Tensor, " n"]:
    """mean over pixels of ( D(z + noise on the subspace) - D(z) )^2: how much a perturbation changes each image."""
    moved = decode_all(model, perturb(z, subspace, noise), batch)
    return (moved - decode_all(model, z, batch)).square().flatten(1).mean(1)


def grid(limit: float = 15.0, step: float = 1.0) -> Float[Tensor, "m 2"]:
    """The square grid [-limit, limit]^2: rows from top to bottom, left to right, as an image shows it (961 points)."""
    axis = torch.linspace(-limit, limit, round(2 * limit / step) + 1)
    y, x = torch.meshgrid(axis.flip(0), axis, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)
