"""The network of the CIFAR-10 judge: that of airbench93, which reaches 93 % in minutes.

Jordan (2024), arXiv:2404.00498, section 3, and airbench/lib_airbench93.py of github.com/KellerJordan/cifar10-airbench:
a frozen whitening convolution, three groups of two convolutions that start as the identity, batch normalisation without
gain, GELU. 54 million multiply-adds an image and 0.57 million weights at width 1.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

CHANNELS = (64, 128, 128)
WHITENED = 24
"""Twice the 3 x 2 x 2 values of a patch, for each direction and its negative."""
SCALE = 1 / 9
"""Of the logits."""


class Airbench(nn.Module):
    """Images in [-1, 1], (N, 3, 32, 32) -> logits (N, K).

    In evaluation mode features, and so logits, are the mean over an image and its mirror image.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, num_classes: int, width: float = 1.0) -> None:
        super().__init__()
        channels = [max(1, round(width * c)) for c in CHANNELS]
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("deviation", torch.ones(3))
        self.whiten = nn.Conv2d(3, WHITENED, 2)
        self.whiten.weight.requires_grad_(False)
        self.groups = nn.Sequential(
            *(Group(*pair) for pair in zip((WHITENED, *channels[:2]), channels, strict=True)), nn.MaxPool2d(3)
        )
        self.head = nn.Linear(channels[2], num_classes, bias=False)

    def forward(self, x: Float[Tensor, "n 3 32 32"]) -> Float[Tensor, "n k"]:
        """Logits of the labels."""
        return SCALE * self.head(self.features(x))

    def features(self, x: Float[Tensor, "n 3 32 32"]) -> Float[Tensor, "n f"]:
        """What the last layer sees: (N, 3, 32, 32) -> (N, 128) at width 1."""
        return self._features(x) if self.training else (self._features(x) + self._features(x.flip(3))) / 2

    def _features(self, x: Tensor) -> Tensor:
        return self.groups(F.gelu(self.whiten(self._normalised(x)))).flatten(1)

    def _normalised(self, x: Tensor) -> Tensor:
        return (x - self.mean[:, None, None]) / self.deviation[:, None, None]

    @torch.no_grad()
    def whiten_patches(self, x: Float[Tensor, "n 3 32 32"]) -> None:
        """Normalise the channels of these images, and set the first convolution to the rows of +-(L + eps)^(-1/2) U^T.

        U L U^T is the second moment of their normalised 2 x 2 patches; eps = 5e-4.
        """
        self.mean.copy_(x.mean((0, 2, 3)))
        self.deviation.copy_(x.std((0, 2, 3)))
        patches = F.unfold(self._normalised(x), 2).transpose(1, 2).flatten(0, 1).cpu()
        values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
        directions = (vectors / (values + 5e-4).sqrt()).T.unflatten(1, (3, 2, 2))
        self.whiten.weight.copy_(torch.cat([directions, -directions]))


class Group(nn.Module):
    """conv 3 x 3, max-pool 2 x 2, norm, GELU, conv 3 x 3, norm, GELU: (N, C_in, H, W) -> (N, C_out, H // 2, W // 2)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = _convolution(channels_in, channels_out), _norm(channels_out)
        self.conv2, self.norm2 = _convolution(channels_out, channels_out), _norm(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H // 2, W // 2)."""
        h = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        return F.gelu(self.norm2(self.conv2(h)))


def _convolution(channels_in: int, channels_out: int) -> nn.Conv2d:
    """Its first outputs hand the inputs on as they are."""
    convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
    nn.init.dirac_(convolution.weight.data[:channels_in])
    return convolution


def _norm(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels, eps=1e-12, momentum=0.4)
    norm.weight.requires_grad_(False)
    return norm
