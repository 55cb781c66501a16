"""Images with less detail, as decoders make them: Gaussian blur, and sampling down and up again.

Both are linear along rows and along columns: x' = S x S^T with a 32 x 32 matrix S, whose rows add up to 1.
"""

from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

SIGMAS = (0.5, 0.75, 1.0, 1.5, 2.0)
"""Standard deviations of the blur, in pixels."""
SIZES = (24, 20, 16, 12, 8)
"""Sides to which an image is sampled down, in pixels."""
SIDE = 32


def blur(sigma: float) -> Float[Tensor, "32 32"]:
    """S_ij ~ exp( -(i - j)^2 / (2 sigma^2) ), normalised inside the image; sigma > 0 in pixels."""
    place = torch.arange(float(SIDE))
    return torch.softmax(-((place[:, None] - place).square()) / (2 * sigma**2), dim=1)


def resample(size: int) -> Float[Tensor, "32 32"]:
    """S = U D: D takes SIDE pixels to `size` (bilinear with antialiasing), U takes them back (bilinear)."""
    down = F.interpolate(torch.eye(SIDE)[None, None], size=(size, SIDE), mode="bilinear", antialias=True)
    return F.interpolate(down, size=(SIDE, SIDE), mode="bilinear")[0, 0]


@cache
def matrices(device: torch.device) -> Float[Tensor, "levels 32 32"]:
    """The identity, `blur` of SIGMAS and `resample` to SIZES; kept on each device."""
    return torch.stack([torch.eye(SIDE), *map(blur, SIGMAS), *map(resample, SIZES)]).to(device)


def apply(images: Float[Tensor, "n c 32 32"], matrix: Float[Tensor, "*n 32 32"]) -> Float[Tensor, "n c 32 32"]:
    """S x S^T for every image and channel; one matrix for all, or (N, 32, 32), one for each."""
    matrix = matrix.unsqueeze(-3)
    return (matrix @ images @ matrix.mT).contiguous(memory_format=torch.channels_last)


def at_random(images: Float[Tensor, "n c 32 32"], share: float) -> Float[Tensor, "n c 32 32"]:
    """A share of the images softened, each by one of `matrices` with equal chances; draws from PyTorch's default generator."""
    table = matrices(images.device)
    level = torch.randint(1, len(table), (len(images),), device=images.device)
    chosen = torch.rand(len(images), device=images.device) < share
    return apply(images, table[level * chosen])
