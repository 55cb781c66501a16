"""The backbones of the paper's two experiments; layer sizes and paddings follow the authors' TensorFlow code.

Every network takes a `width` that multiplies its hidden channels: 1 is the paper's size. Layers start as Keras starts
them (Glorot-uniform kernels, zero biases) and normalise as Keras does (eps 1e-3, moving averages with momentum .99).
"""

import torch
from torch import nn

from exon.networks.layers import Classifier, ConvBlock, Heads, batch_norm1d, batch_norm2d


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


def mnist_classifier(num_classes: int, width: float = 1.0) -> Classifier:
    """[conv5 32, conv3 64, conv3 128], each pooled to half, global average, dense 64: (N, 1, 28, 28) -> logits (N, K)."""
    channels = _scaled(width, 32, 64, 128, 64)
    blocks = [
        ConvBlock(1, channels[0], kernel=5, pool=True, dropout=0.5),
        ConvBlock(channels[0], channels[1], kernel=3, pool=True, dropout=0.5),
        ConvBlock(channels[1], channels[2], kernel=3, pool=True, dropout=0.5),
    ]
    head = nn.Sequential(
        nn.Linear(channels[2], channels[3]),
        batch_norm1d(channels[3]),
        nn.ReLU(),
        nn.Linear(channels[3], num_classes),
    )
    return Classifier(blocks, head, pseudo_label_dropout=True)


def cifar10_encoder(num_classes: int, latent_dim: int, width: float = 1.0) -> nn.Sequential:
    """Four strided convolutions and a dense layer of 1024, then the heads: (N, 3, 32, 32) -> (N, 2, K, d)."""
    c = _scaled(width, 32, 64, 128, 256, 1024)
    return nn.Sequential(
        *(nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(3, c[0], 5, stride=2), batch_norm2d(c[0]), nn.ReLU()),
        *(nn.Conv2d(c[0], c[1], 4, stride=2, padding=1), batch_norm2d(c[1]), nn.ReLU()),
        *(nn.Conv2d(c[1], c[2], 4, stride=2, padding=1), batch_norm2d(c[2]), nn.ReLU()),
        *(nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(c[2], c[3], 4), batch_norm2d(c[3]), nn.ReLU()),
        nn.Flatten(),
        *(nn.Linear(16 * c[3], c[4]), batch_norm1d(c[4])),
        Heads(c[4], num_classes, latent_dim),
    )


def cifar10_decoder(latent_dim: int, width: float = 1.0) -> nn.Sequential:
    """Dense 4 x 4 x 512, four transposed convolutions, one convolution, tanh: (N, d) -> (N, 3, 32, 32) in [-1, 1]."""
    c = _scaled(width, 512, 256, 128, 64, 32)
    layers: list[nn.Module] = [
        *(nn.Linear(latent_dim, 16 * c[0]), batch_norm1d(16 * c[0]), nn.ReLU()),
        nn.Unflatten(1, (c[0], 4, 4)),
    ]
    for channels_in, channels_out in ((c[0], c[1]), (c[1], c[2]), (c[2], c[3])):
        # The result is one row and column too large at its end; a negative padding crops it, as 'same' does.
        upsample = nn.ConvTranspose2d(channels_in, channels_out, 5, stride=2, padding=1)
        layers += [upsample, nn.ZeroPad2d((0, -1, 0, -1)), batch_norm2d(channels_out), nn.ReLU()]
    layers += [nn.ConvTranspose2d(c[3], c[4], 5, padding=2), batch_norm2d(c[4]), nn.ReLU()]
    layers += [nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(c[4], 3, 4), nn.Tanh()]
    return nn.Sequential(*layers)


def cifar10_classifier(num_classes: int, width: float = 1.0) -> Classifier:
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


def pass_through(network: nn.Module) -> None:
    """Let every convolution that keeps all its channels begin by passing them on: the first C_in kernels are identities.

    The others stay as they are. Dirac initialisation (Zagoruyko, Komodakis 2017, DiracNets, arXiv:1706.00388), partial as in
    KellerJordan/cifar10-airbench.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.out_channels >= module.in_channels:
            nn.init.dirac_(module.weight[: module.in_channels])


def _scaled(width: float, *channels: int) -> list[int]:
    return [max(1, round(width * c)) for c in channels]
