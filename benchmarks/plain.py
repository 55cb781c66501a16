"""The MNIST step written straightforwardly, as a yardstick: PyTorch with channels_last and nothing else done for speed.

It follows the authors' description literally: activation before pooling, a copied buffer classifier, one optimizer after the
other, weight decay by hand.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exon import losses
from exon.model import gumbel_max
from exon.networks import mnist_decoder, mnist_encoder
from exon.prior import circle


def block(channels_in: int, channels_out: int, kernel: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2),
        nn.BatchNorm2d(channels_out, eps=1e-3, momentum=0.01),
        nn.LeakyReLU(0.1),
        nn.MaxPool2d(2),
        nn.Dropout2d(0.5),
    ]


def classifier() -> nn.Sequential:
    head = [nn.Linear(128, 64), nn.BatchNorm1d(64, eps=1e-3, momentum=0.01), nn.ReLU(), nn.Linear(64, 10)]
    blocks = [*block(1, 32, 5), *block(32, 64, 3), *block(64, 128, 3)]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), *head, nn.LogSoftmax(1))


class PlainStep:
    """One step on images that are already augmented: (32, 1, 28, 28) labelled, (96, 1, 28, 28) unlabelled."""

    def __init__(self) -> None:
        self.prior = circle()
        self.encoder, self.decoder, self.classifier = mnist_encoder(10, 2), mnist_decoder(2), classifier()
        for network in (self.encoder, self.decoder, self.classifier):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.buffer = copy.deepcopy(self.classifier)
        self.optimizer = torch.optim.Adam([*self.encoder.parameters(), *self.decoder.parameters()], lr=3e-3, eps=1e-7)
        self.classifier_optimizer = torch.optim.Adam(self.classifier.parameters(), lr=3e-3, eps=1e-7)

    def sci(self, x: Tensor, targets: Tensor) -> Tensor:
        mixed, mixed_targets = losses.mix_up(x, targets, 0.3, torch.randperm(len(x)))
        return losses.cross_entropy(self.classifier(mixed), mixed_targets)

    def __call__(
        self, labelled: Tensor, augmented: Tensor, targets: Tensor, unlabelled: Tensor, augmented_u: Tensor
    ) -> None:
        x = torch.cat([labelled, unlabelled])
        log_weights = self.classifier(x)
        mean, log_variance = self.encoder(x).unbind(1)
        z_per_class = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        z = (gumbel_max(log_weights)[:, :, None] * z_per_class).sum(1)
        with torch.no_grad():
            pseudo_labels = self.buffer(augmented_u).exp()
        terms = losses.Terms(
            losses.reconstruction(x, self.decoder(z)),
            losses.kl_label(log_weights),
            losses.kl_latent(log_weights, mean, log_variance, self.prior),
            losses.cross_entropy(self.classifier(augmented), targets),
            self.sci(augmented, targets),
            self.sci(augmented_u, pseudo_labels),
        )
        loss = losses.objective(terms, beta=1.0, lambda1=6000.0, lambda2=6000.0)
        self.optimizer.zero_grad()
        self.classifier_optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.classifier_optimizer.step()
        with torch.no_grad():
            for live, kept in zip(self.classifier.parameters(), self.buffer.parameters(), strict=True):
                live -= 5e-4 * 3e-3 * kept
                kept.copy_(live)


def random_batch() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    def images(n: int) -> Tensor:
        return (2 * torch.rand(n, 1, 28, 28) - 1).contiguous(memory_format=torch.channels_last)

    targets = F.one_hot(torch.arange(32) % 10, 10).float()
    return images(32), images(32), targets, images(96), images(96)
