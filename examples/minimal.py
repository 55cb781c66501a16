"""EXoN (arXiv:2105.10867) on MNIST in one file: a variational autoencoder whose latent space is laid out by hand.

    p(y = k) = 1/K           p(z | y = k) = N(mu_k, s2 I)               p(x | z) = N(D(z), beta I)
    q(y = k | x) = w_k(x)    q(z | x, y = k) = N(m_k(x), diag v_k(x))

python examples/minimal.py           all of MNIST, 100 labels
python examples/minimal.py sample    the small sample inside the package, which needs no network
"""

import copy
import math
import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Beta

from exon import data
from exon.data import augment

K, D = 10, 2  # labels, latent dimensions
BETA, LAMBDA1 = 1.0, 6000.0  # the decoder's variance, the weight of the classification terms
BATCH, LABELLED = 128, 32  # images of a step, labelled ones among them


class EXoN(nn.Module):
    def __init__(self):
        super().__init__()
        # The prior, chosen and never trained: one center for each digit, on a circle, neighbours four deviations apart.
        angle = (2 * torch.arange(K) + 1) * math.pi / K
        self.mu, self.s2 = 4 / math.sin(math.pi / K) * torch.stack([angle.cos(), angle.sin()], 1), 4.0

        def block(channels_in, channels_out, kernel):
            convolution = nn.Conv2d(channels_in, channels_out, kernel, padding="same")
            norm = nn.BatchNorm2d(channels_out, eps=1e-3, momentum=0.01)
            return convolution, norm, nn.MaxPool2d(2), nn.LeakyReLU(0.1), nn.Dropout2d(0.5)

        self.classifier = nn.Sequential(  # x -> logits of w(x)
            *(*block(1, 32, 5), *block(32, 64, 3), *block(64, 128, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            *(nn.Linear(128, 64), nn.BatchNorm1d(64, eps=1e-3, momentum=0.01), nn.ReLU(), nn.Linear(64, K)),
        )
        self.encoder = nn.Sequential(  # x -> the means and log-variances of K Gaussians
            *(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU()),
            *(nn.Linear(128, 2 * K * D), nn.Unflatten(1, (2, K, D))),
        )
        self.decoder = nn.Sequential(  # z -> the mean of p(x | z)
            *(nn.Linear(D, 128), nn.ReLU(), nn.Linear(128, 256), nn.ReLU()),
            *(nn.Linear(256, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28))),
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def terms(self, x_labelled, y, x_unlabelled):
        """The six terms of the objective, one number for each image; y is one-hot."""
        # The negative ELBO uses all images and no label.
        x = torch.cat([x_labelled, x_unlabelled])
        log_w = self.classifier(x).log_softmax(1)
        m, log_v = self.encoder(x).unbind(1)
        z = self.draw(log_w, m, log_v)
        reconstruction = 0.5 * (x - self.decoder(z)).square().sum((1, 2, 3))
        kl_label = math.log(K) + (log_w.exp() * log_w).sum(1)
        log_ratio = log_v - math.log(self.s2)
        kl_each = 0.5 * ((m - self.mu).square() / self.s2 - 1 - log_ratio + log_ratio.exp()).sum(2)
        kl_latent = (log_w.exp() * kl_each).sum(1)

        # The labels enter through the classifier alone.
        x = augment.mnist(x_labelled)
        cross_entropy = F.cross_entropy(self.classifier(x), y, reduction="none")
        sci_labelled = self.sci(x, y, Beta(0.1, 0.1))
        x = augment.mnist(x_unlabelled)
        with torch.no_grad():  # by a copy, whose moving averages are thrown away
            pseudo_label = copy.deepcopy(self.classifier)(x).softmax(1)
        sci_unlabelled = self.sci(x, pseudo_label, Beta(2.0, 2.0))
        return reconstruction, kl_label, kl_latent, cross_entropy, sci_labelled, sci_unlabelled

    def draw(self, log_w, m, log_v):
        """z ~ q(z | x): one z_k from each Gaussian, then a label from w that selects one of them."""
        z = m + (0.5 * log_v).exp() * torch.randn(m.shape)
        gumbel = -torch.empty_like(log_w).exponential_().log()
        label = F.one_hot((log_w + gumbel).argmax(1), K) + log_w - log_w.detach()  # its gradient is that of log w
        return (label.unsqueeze(2) * z).sum(1)

    def sci(self, x, y, distribution):
        """Soft-label consistency interpolation: between two images, the classifier should interpolate their labels."""
        shuffle, c = torch.randperm(len(x)), distribution.sample()
        return F.cross_entropy(self.classifier(x.lerp(x[shuffle], c)), y.lerp(y[shuffle], c), reduction="none")


def objective(terms, lambda2):
    reconstruction, kl_label, kl_latent, cross_entropy, sci_labelled, sci_unlabelled = (term.sum() for term in terms)
    elbo_and_label = reconstruction + BETA * (kl_label + kl_latent + cross_entropy)
    return elbo_and_label + LAMBDA1 * (cross_entropy + sci_labelled) + lambda2 * sci_unlabelled


def train(dataset, epochs):
    model, n = EXoN(), len(dataset.train_images)
    ten_each = torch.cat([(dataset.train_labels == k).nonzero()[:10, 0] for k in range(K)])
    x_labelled, y = data.to_float(dataset.train_images[ten_each]), F.one_hot(dataset.train_labels[ten_each], K).float()
    rest = [*model.encoder.parameters(), *model.decoder.parameters()]
    optimizers = [
        torch.optim.Adam(rest, lr=3e-3),
        torch.optim.AdamW(model.classifier.parameters(), lr=3e-3, weight_decay=5e-4),
    ]
    for epoch in range(epochs):
        lambda2 = LAMBDA1 * math.exp(-5 * (1 - min(1, epoch / 10)) ** 2)  # at first, pseudo-labels are worth little
        for unlabelled in torch.randperm(n).split(BATCH - LABELLED)[: n // BATCH]:
            labelled = torch.randperm(len(y))[:LABELLED]
            x_unlabelled = data.to_float(dataset.train_images[unlabelled])
            loss = objective(model.terms(x_labelled[labelled], y[labelled], x_unlabelled), lambda2)
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
        print(
            "epoch {}: test error {:.1f} %, by the nearest center {:.1f} %".format(epoch + 1, *errors(model, dataset))
        )
    return model


@torch.no_grad()
def errors(model, dataset):
    """Test errors in %: of the classifier, and of reading the label off the center that is nearest to z."""
    x, y = data.to_float(dataset.test_images), dataset.test_labels
    model.eval()
    log_w = model.classifier(x).log_softmax(1)
    z = model.draw(log_w, *model.encoder(x).unbind(1))
    model.train()
    guesses = log_w.argmax(1), torch.cdist(z, model.mu).argmin(1)
    return [100 * (guess != y).float().mean().item() for guess in guesses]


if __name__ == "__main__":
    torch.manual_seed(1)
    train(data.load("mnist", *sys.argv[1:]), epochs=3)
