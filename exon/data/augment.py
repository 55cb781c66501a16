"""Augmentation of whole batches, as the authors augment single images; draws from PyTorch's default generator."""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Augmentation = Callable[[Tensor], Tensor]

ANGLES = range(-25, 25)
CROP = 24  # the side of the crops of CIFAR-10 images that cost a classifier 9/16 of the whole ones
EDGE = 12  # how many pixels the image is extended by its edge before the spline is fitted, as scipy does


def mnist(images: Tensor) -> Tensor:
    """Rotate by a whole angle in -25..24 degrees (cubic spline, edge-filled), then shift by -4..4 pixels, filled with -1.

    The spline overshoots: values may leave [-1, 1] a little.

    Args:
        images: (N, 1, 28, 28).
    """
    angle = torch.randint(len(ANGLES), (len(images),), device=images.device)
    return random_crop(F.pad(rotate(images, angle), (4, 4, 4, 4), value=-1.0), 28)


def cifar10(images: Tensor, size: int = 32) -> Tensor:
    """Flip left-right with probability 1/2, reflect-pad by 2, crop at random: (N, 3, 32, 32) -> (N, 3, size, size)."""
    flip = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return random_crop(F.pad(torch.where(flip, images.flip(3), images), (2, 2, 2, 2), mode="reflect"), size)


AUGMENTATIONS: dict[str, Augmentation] = {"mnist": mnist, "cifar10": cifar10}


def random_crop(images: Tensor, size: int) -> Tensor:
    """A uniformly placed size x size window of every image: (N, C, H, W) -> (N, C, size, size)."""
    n, _, height, width = images.shape
    device = images.device
    top = torch.randint(height - size + 1, (n, 1, 1), device=device)
    left = torch.randint(width - size + 1, (n, 1, 1), device=device)
    window = torch.arange(size, device=device)
    rows, columns = top + window[:, None], left + window
    cropped = images.permute(0, 2, 3, 1)[torch.arange(n, device=device)[:, None, None], rows, columns]
    return cropped.permute(0, 3, 1, 2)


def rotate(images: Tensor, angle: Tensor) -> Tensor:
    """scipy.ndimage.rotate(image, ANGLES[angle], mode="nearest") cropped to its center, for a whole batch.

    A cubic spline is linear in the image, so its coefficients are one matrix product (P X P^T), and each output pixel is a
    weighted sum of 4 x 4 of them, with positions and weights that depend on the angle alone.

    Args:
        images: (N, 1, 28, 28).
        angle: (N,), indices into ANGLES.
    """
    prefilter, position, weight = _rotation_tables(images.device)
    coefficients = prefilter @ images[:, 0] @ prefilter.T
    taps = coefficients.flatten(1).gather(1, position[angle].flatten(1)).unflatten(1, (784, 16))
    return (taps * weight[angle]).sum(2).view(-1, 1, 28, 28)


@cache
def _rotation_tables(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """P (52, 28); for every angle the positions and the weights of the 16 coefficients of every pixel, (50, 784, 16).

    Kept on each device: copying them in every step would make it wait.
    """
    from scipy import ndimage

    extended = np.pad(np.eye(28), ((EDGE, EDGE), (0, 0)), mode="edge")
    prefilter = ndimage.spline_filter1d(extended, order=3, axis=0, mode="nearest")
    offsets = np.arange(4)
    positions, weights = [], []
    for degrees in ANGLES:
        row, column = _source_coordinates(np.deg2rad(degrees))
        row_index, row_weight = _cubic_taps(row)
        column_index, column_weight = _cubic_taps(column)
        rows, columns = row_index[:, None] + offsets, column_index[:, None] + offsets
        positions.append(((rows[:, :, None]) * (28 + 2 * EDGE) + columns[:, None, :]).reshape(784, 16))
        weights.append((row_weight[:, :, None] * column_weight[:, None, :]).reshape(784, 16))
    return (
        torch.from_numpy(prefilter).float().to(device),
        torch.from_numpy(np.stack(positions)).to(device),
        torch.from_numpy(np.stack(weights)).float().to(device),
    )


def _source_coordinates(angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel of the 28 x 28 center of the rotated image lies in the original, two (784,) arrays.

    scipy enlarges the output to hold the whole rotated square; the center crop of an odd size lies half a pixel off.
    """
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = matrix @ np.array([[0, 0, 28, 28], [0, 28, 0, 28]])
    enlarged = (np.ptp(corners, axis=1) + 0.5).astype(int)
    pixel = np.stack(np.divmod(np.arange(784), 28)) + (enlarged // 2 - 14)[:, None]
    row, column = matrix @ (pixel - (enlarged[:, None] - 1) / 2) + 13.5
    return row, column


def _cubic_taps(coordinate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first of the four spline coefficients around each coordinate, and their B-spline weights (n, 4)."""
    floor = np.floor(coordinate).astype(int)
    t = coordinate - floor
    near, far = (4 - 6 * t**2 + 3 * t**3) / 6, (4 - 6 * (1 - t) ** 2 + 3 * (1 - t) ** 3) / 6
    return floor - 1 + EDGE, np.stack([(1 - t) ** 3 / 6, near, far, t**3 / 6], axis=1)
