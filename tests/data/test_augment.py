import numpy as np
import pytest
import torch
from scipy import ndimage

from exon import data
from exon.data import augment


@pytest.fixture(scope="module")
def digits():
    return data.to_float(data.load("mnist", "sample").train_images[:50])


def scipy_rotation(image, degrees):
    rotated = ndimage.rotate(image, degrees, mode="nearest")
    row, column = (size // 2 - 14 for size in rotated.shape)
    return rotated[row : row + 28, column : column + 28]


def test_rotation_is_scipys_cubic_spline(digits):
    rotated = augment.rotate(digits, torch.arange(50))
    for image, expected, degrees in zip(digits[:, 0].numpy(), rotated[:, 0].numpy(), augment.ANGLES, strict=True):
        np.testing.assert_allclose(expected, scipy_rotation(image, degrees), atol=2e-5)
    torch.testing.assert_close(augment.rotate(digits[:1], torch.tensor([25])), digits[:1], atol=1e-5, rtol=0)


def test_mnist_augmentation_draws_every_angle_and_shift(digits):
    torch.manual_seed(0)
    white = torch.ones(800, 1, 28, 28)
    shifted = augment.mnist(white)[:, 0]
    # A white image stays white under rotation, so the black border tells the shift.
    inside = shifted > 0
    assert inside.flatten(1).sum(1).min() >= 24 * 24
    rows, columns = inside.any(2).int(), inside.any(1).int()
    for border in (rows, rows.flip(1), columns, columns.flip(1)):
        assert set(border.argmax(1).tolist()) == {0, 1, 2, 3, 4}
    assert shifted.min() == -1


def test_augmentation_follows_the_default_generator(digits):
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(augment.mnist(digits))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert results[0].shape == digits.shape


def test_cifar10_augmentation_is_a_flip_and_a_shift_by_reflection():
    torch.manual_seed(0)
    image = torch.rand(1, 3, 32, 32)
    augmented = augment.cifar10(image.expand(400, 3, 32, 32))
    padded = {flip: np.pad(image[0].numpy()[..., ::flip], ((0, 0), (2, 2), (2, 2)), mode="reflect") for flip in (1, -1)}
    windows = {
        (flip, i, j): padded[flip][:, i : i + 32, j : j + 32] for flip in (1, -1) for i in range(5) for j in range(5)
    }
    seen = {next(key for key, window in windows.items() if np.array_equal(window, one)) for one in augmented.numpy()}
    assert len(seen) == 50


def test_cifar10_augmentation_may_crop_further():
    """A crop of 24 lies anywhere in the padded image of 36."""
    torch.manual_seed(0)
    columns = torch.arange(32.0).expand(1500, 3, 32, 32)
    crops = augment.cifar10(columns, augment.CROP)
    assert crops.shape == (1500, 3, 24, 24)
    steps = crops[:, 0, 0].diff(dim=1)
    flipped = steps.sum(1) < 0
    assert 0.4 < flipped.double().mean().item() < 0.6
    padded = [2, 1, *range(32), 30, 29]
    starts = {tuple(padded[i : i + 24]) for i in range(13)}
    assert {tuple(map(int, row)) for row in crops[~flipped][:, 0, 0].tolist()} == starts


def test_random_crop_stays_inside():
    images = torch.arange(36.0).view(1, 1, 6, 6).expand(200, 1, 6, 6)
    crops = augment.random_crop(images, 4)
    assert crops.shape == (200, 1, 4, 4)
    assert set(crops[:, 0, 0, 0].tolist()) == {0.0, 1.0, 2.0, 6.0, 7.0, 8.0, 12.0, 13.0, 14.0}
    assert (crops[:, 0, 0, 1] - crops[:, 0, 0, 0] == 1).all()
    assert (crops[:, 0, 1, 0] - crops[:, 0, 0, 0] == 6).all()
