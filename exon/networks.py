"""The backbones of the paper's two experiments; layer sizes and paddings follow the authors' TensorFlow code.

Every network takes a `width` that multiplies its hidden channels: 1 is the paper's size. Layers start as Keras starts
them (Glorot-uniform kernels, zero biases) and normalise as Keras does (eps 1e-3, moving averages with momentum .99).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exon import fused


def mnist_encoder(num_classes: int, latent_dim: int, width: float = 1.0) -> nn.Sequential:
    """784-256-128 with ReLU, then a mean and a log-variance head per class: (N, 1, 28, 28) -> (N, 2, K, d)."""
    hidden = _scaled(width, 256, 128)
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, hidden[0]),
        nn.ReLU(),
        nn.Linear(hidden[0], hidden[1]),
        nn.ReLU(),
        Heads(hidden[1], num_classes, latent_dim),
    )


def mnist_decoder(latent_dim: int, width: float = 1.0) -> nn.Sequential:
    """d-128-256-784 with ReLU, tanh at the end: (N, d) -> (N, 1, 28, 28), pixels in [-1, 1]."""
    hidden = _scaled(width, 128, 256)
    return nn.Sequential(
        nn.Linear(latent_dim, hidden[0]),
        nn.ReLU(),
        nn.Linear(hidden[0], hidden[1]),
        nn.ReLU(),
        nn.Linear(hidden[1], 784),
        nn.Tanh(),
        nn.Unflatten(1, (1, 28, 28)),
    )


def mnist_classifier(num_classes: int, width: float = 1.0) -> "Classifier":
    """[conv5 32, conv3 64, conv3 128], each pooled to half, global average, dense 64: (N, 1, 28, 28) -> logits (N, K)."""
    channels = _scaled(width, 32, 64, 128, 64)
    blocks = [
        ConvBlock(1, channels[0], kernel=5, pool=True, dropout=0.5),
        ConvBlock(channels[0], channels[1], kernel=3, pool=True, dropout=0.5),
        ConvBlock(channels[1], channels[2], kernel=3, pool=True, dropout=0.5),
    ]
    head = nn.Sequential(
        nn.Linear(channels[2], channels[3]),
        _batch_norm1d(channels[3]),
        nn.ReLU(),
        nn.Linear(channels[3], num_classes),
    )
    return Classifier(blocks, head, pseudo_label_dropout=True)


def cifar10_encoder(num_classes: int, latent_dim: int, width: float = 1.0) -> nn.Sequential:
    """Four strided convolutions and a dense layer of 1024, then the heads: (N, 3, 32, 32) -> (N, 2, K, d)."""
    c = _scaled(width, 32, 64, 128, 256, 1024)
    return nn.Sequential(
        *(nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(3, c[0], 5, stride=2), _batch_norm2d(c[0]), nn.ReLU()),
        *(nn.Conv2d(c[0], c[1], 4, stride=2, padding=1), _batch_norm2d(c[1]), nn.ReLU()),
        *(nn.Conv2d(c[1], c[2], 4, stride=2, padding=1), _batch_norm2d(c[2]), nn.ReLU()),
        *(nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(c[2], c[3], 4), _batch_norm2d(c[3]), nn.ReLU()),
        nn.Flatten(),
        *(nn.Linear(16 * c[3], c[4]), _batch_norm1d(c[4])),
        Heads(c[4], num_classes, latent_dim),
    )


def cifar10_decoder(latent_dim: int, width: float = 1.0) -> nn.Sequential:
    """Dense 4 x 4 x 512, four transposed convolutions, one convolution, tanh: (N, d) -> (N, 3, 32, 32) in [-1, 1]."""
    c = _scaled(width, 512, 256, 128, 64, 32)
    layers: list[nn.Module] = [
        *(nn.Linear(latent_dim, 16 * c[0]), _batch_norm1d(16 * c[0]), nn.ReLU()),
        nn.Unflatten(1, (c[0], 4, 4)),
    ]
    for channels_in, channels_out in ((c[0], c[1]), (c[1], c[2]), (c[2], c[3])):
        # The result is one row and column too large at its end; a negative padding crops it, as 'same' does.
        upsample = nn.ConvTranspose2d(channels_in, channels_out, 5, stride=2, padding=1)
        layers += [upsample, nn.ZeroPad2d((0, -1, 0, -1)), _batch_norm2d(channels_out), nn.ReLU()]
    layers += [nn.ConvTranspose2d(c[3], c[4], 5, padding=2), _batch_norm2d(c[4]), nn.ReLU()]
    layers += [nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(c[4], 3, 4), nn.Tanh()]
    return nn.Sequential(*layers)


def cifar10_classifier(num_classes: int, width: float = 1.0) -> "Classifier":
    """Nine 3 x 3 convolutions, two poolings, global average: (N, 3, 32, 32) -> logits (N, K)."""
    c = _scaled(width, 128, 256, 512)
    blocks = [
        ConvBlock(3, c[0], kernel=3),
        ConvBlock(c[0], c[0], kernel=3),
        ConvBlock(c[0], c[0], kernel=3, pool=True, dropout=0.1),
        ConvBlock(c[0], c[1], kernel=3),
        ConvBlock(c[1], c[1], kernel=3),
        ConvBlock(c[1], c[1], kernel=3, pool=True, dropout=0.1),
        ConvBlock(c[1], c[2], kernel=3),
        ConvBlock(c[2], c[1], kernel=3),
        ConvBlock(c[1], c[0], kernel=3),
    ]
    return Classifier(blocks, nn.Linear(c[0], num_classes), pseudo_label_dropout=False)


class Heads(nn.Module):
    """One dense mean head and one dense log-variance head per class, as one matrix product: (N, h) -> (N, 2, K, d)."""

    def __init__(self, features: int, num_classes: int, latent_dim: int) -> None:
        super().__init__()
        self.shape = (2, num_classes, latent_dim)
        self.linear = nn.Linear(features, 2 * num_classes * latent_dim)

    def forward(self, h: Tensor) -> Tensor:
        """All means [:, 0] and log-variances [:, 1] of features h: (N, h) -> (N, 2, K, d)."""
        return self.linear(h).unflatten(1, self.shape)


class ConvBlock(nn.Module):
    """conv, batch norm, LeakyReLU(.1), optionally max-pool 2 x 2 and spatial dropout.

    Pooling comes before the activation: LeakyReLU is increasing, so the function is the same and costs a quarter.
    """

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, pool: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2)
        self.norm = _batch_norm2d(channels_out)
        self.pool = nn.MaxPool2d(2) if pool else nn.Identity()
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H, W), or half the height and width with pooling."""
        h = self.conv(x)
        if isinstance(self.pool, nn.MaxPool2d) and fused.applies(h, self.norm):
            h = fused.norm_pool(h, self.norm)
        else:
            h = self.pool(self.norm(h))
        return self.dropout(F.leaky_relu(h, 0.1))


class Classifier(nn.Module):
    """Convolution blocks, global average pooling and a dense head: (N, C, H, W) -> logits (N, K)."""

    def __init__(self, blocks: list[ConvBlock], head: nn.Module, pseudo_label_dropout: bool) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*blocks)
        self.head = head
        self.pseudo_label_dropout = pseudo_label_dropout

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the labels: (N, C, H, W) -> (N, K)."""
        return self.head(self.blocks(x).mean((2, 3)))

    @torch.no_grad()
    def pseudo_label(self, x: Tensor) -> Tensor:
        """softmax of the buffer classifier's logits, (N, C, H, W) -> (N, K): the soft targets of SCI on unlabelled images.

        The authors' buffer holds a copy of the trainable weights as they are before the step and runs in training mode:
        it is this network itself, normalised by the batch, with its moving averages left alone. Its dropout is active on
        MNIST and off on CIFAR-10.
        """
        with _moving_averages_untouched(self), _dropout(self, self.pseudo_label_dropout):
            return self(x).softmax(1)


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Kernels ~ U(-a, a), a = sqrt(6 / (fan_in + fan_out)) (Glorot-uniform); biases 0: Keras's defaults."""
    heads = {module.linear for module in network.modules() if isinstance(module, Heads)}
    for module in network.modules():
        if isinstance(module, Heads):  # a Keras head is a layer of its own, with its own fan_out = d
            kernels = module.linear.weight.chunk(module.shape[0] * module.shape[1])
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            kernels = () if module in heads else (module.weight,)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        else:
            continue
        for kernel in kernels:
            nn.init.xavier_uniform_(kernel, generator=generator)


def _scaled(width: float, *channels: int) -> list[int]:
    return [max(1, round(width * c)) for c in channels]


def _batch_norm2d(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def _batch_norm1d(features: int) -> nn.BatchNorm1d:
    return nn.BatchNorm1d(features, eps=1e-3, momentum=0.01)


@contextmanager
def _moving_averages_untouched(network: nn.Module) -> Iterator[None]:
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


@contextmanager
def _dropout(network: nn.Module, active: bool) -> Iterator[None]:
    layers = [m for m in network.modules() if isinstance(m, nn.Dropout2d)]
    modes = [layer.training for layer in layers]
    for layer in layers:
        layer.train(active)
    try:
        yield
    finally:
        for layer, mode in zip(layers, modes, strict=True):
            layer.train(mode)
