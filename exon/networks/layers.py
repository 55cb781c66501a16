"""What the networks are built of: class heads, convolution blocks, and the classifier with its pseudo-labels."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exon.networks import fused


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
        self.norm = batch_norm2d(channels_out)
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
            return self(x).float().softmax(1)


def batch_norm2d(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation of maps, (N, C, H, W), with Keras's eps and momentum."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def batch_norm1d(features: int) -> nn.BatchNorm1d:
    """Batch normalisation of vectors, (N, C), with Keras's eps and momentum."""
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
