"""EXoN (arXiv:2105.10867) on MNIST in one file: a variational autoencoder whose latent space is laid out by hand.

    p(y = k) = 1/K           p(z | y = k) = N(mu_k, s2 I)               p(x | z) = N(D(z), beta I)
    q(y = k | x) = w_k(x)    q(z | x, y = k) = N(m_k(x), diag v_k(x))

python examples/minimal.py           three epochs on all of MNIST, of which 100 images keep their labels
python examples/minimal.py sample    on the sample inside the package, without a network
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

K, d = 10, 2  # labels, latent dimensions
s2, beta = 4.0, 1.0  # variances of the prior's components and of the decoder
lambda1 = 6000.0  # weight of what the classifier learns from labels
batch_size, labelled_size = 128, 32


class EXoN(nn.Module):
    def __init__(self):
        super().__init__()
        # The conceptual centers: one for each digit, on a circle, neighbours four standard deviations apart.
        angle = (2 * torch.arange(K) + 1) * math.pi / K
        self.mu = 2 * math.sqrt(s2) / math.sin(math.pi / K) * torch.stack([angle.cos(), angle.sin()], 1)

        keras = {"eps": 1e-3, "momentum": 0.01}  # the authors' batch normalisation

        def block(c_in, c_out, kernel):
            convolution = nn.Conv2d(c_in, c_out, kernel, padding="same")
            return convolution, nn.BatchNorm2d(c_out, **keras), nn.MaxPool2d(2), nn.LeakyReLU(0.1), nn.Dropout2d(0.5)

        blocks = *block(1, 32, 5), *block(32, 64, 3), *block(64, 128, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        head = nn.Linear(128, 64), nn.BatchNorm1d(64, **keras), nn.ReLU(), nn.Linear(64, K)
        self.classifier = nn.Sequential(*blocks, *head)
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 2 * K * d)
        )
        self.decoder = nn.Sequential(
            nn.Linear(d, 128), nn.ReLU(), nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, 784), nn.Tanh()
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def encode(self, x):
        """log w (N, K), and m and log v (N, K, d) of the Gaussians."""
        m, log_v = self.encoder(x).unflatten(1, (2, K, d)).unbind(1)
        return self.classifier(x).log_softmax(1), m, log_v

    def draw(self, log_w, m, log_v):
        """z ~ q(z | x): one z_k from each Gaussian, and a label y ~ w that selects one of them."""
        z = m + (0.5 * log_v).exp() * torch.randn(m.shape)
        gumbel = -torch.empty_like(log_w).exponential_().log()
        y = F.one_hot((log_w + gumbel).argmax(1), K) + log_w - log_w.detach()  # one-hot, with the gradient of log w
        return (y.unsqueeze(2) * z).sum(1)

    def elbo_terms(self, x):
        """The negative ELBO of each image, in three terms; no label is used."""
        log_w, m, log_v = self.encode(x)
        x_hat = self.decoder(self.draw(log_w, m, log_v))
        log_ratio = log_v - math.log(s2)
        kl_of_each = 0.5 * ((m - self.mu).square() / s2 - 1 - log_ratio + log_ratio.exp()).sum(2)
        reconstruction = 0.5 * (x.flatten(1) - x_hat).square().sum(1)
        kl_label = math.log(K) + (log_w.exp() * log_w).sum(1)
        kl_latent = (log_w.exp() * kl_of_each).sum(1)
        return reconstruction, kl_label, kl_latent

    def label_terms(self, x_labelled, y, x_unlabelled):
        """What the classifier learns from labels, from mixed labels, and from mixed pseudo-labels, for each image."""
        x = augment.mnist(x_labelled)
        cross_entropy = F.cross_entropy(self.classifier(x), y, reduction="none")
        sci_labelled = self.sci(x, y, Beta(0.1, 0.1))
        x = augment.mnist(x_unlabelled)
        with torch.no_grad():  # by a copy, since a pass in training mode moves the averages of batch normalisation
            pseudo_label = copy.deepcopy(self.classifier)(x).softmax(1)
        sci_unlabelled = self.sci(x, pseudo_label, Beta(2.0, 2.0))
        return cross_entropy, sci_labelled, sci_unlabelled

    def sci(self, x, y, weights):
        """Soft-label consistency interpolation: between two images, the classifier should interpolate their labels."""
        shuffle, c = torch.randperm(len(x)), weights.sample()
        return F.cross_entropy(self.classifier(x.lerp(x[shuffle], c)), y.lerp(y[shuffle], c), reduction="none")


def objective(elbo_terms, label_terms, lambda2):
    """Their sums over the batch, weighted; lambda2 is the weight of the pseudo-labels."""
    reconstruction, kl_label, kl_latent = (term.sum() for term in elbo_terms)
    cross_entropy, sci_labelled, sci_unlabelled = (term.sum() for term in label_terms)
    bound = reconstruction + beta * (kl_label + kl_latent + cross_entropy)
    return bound + lambda1 * (cross_entropy + sci_labelled) + lambda2 * sci_unlabelled


def train(dataset, epochs):
    model, n = EXoN(), len(dataset.train_images)
    ten_each = torch.cat([(dataset.train_labels == k).nonzero()[:10, 0] for k in range(K)])
    x_labelled, y = data.to_float(dataset.train_images[ten_each]), F.one_hot(dataset.train_labels[ten_each], K).float()
    optimizers = [
        torch.optim.Adam([*model.encoder.parameters(), *model.decoder.parameters()], lr=3e-3),
        torch.optim.AdamW(model.classifier.parameters(), lr=3e-3, weight_decay=5e-4),
    ]
    for epoch in range(epochs):
        lambda2 = lambda1 * math.exp(-5 * (1 - min(1, epoch / 10)) ** 2)
        for unlabelled in torch.randperm(n).split(batch_size - labelled_size)[: n // batch_size]:
            labelled = torch.randperm(len(y))[:labelled_size]
            x_l, x_u = x_labelled[labelled], data.to_float(dataset.train_images[unlabelled])
            loss = objective(model.elbo_terms(torch.cat([x_l, x_u])), model.label_terms(x_l, y[labelled], x_u), lambda2)
            model.zero_grad()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
        by_classifier, by_center = errors(model, dataset)
        print(f"epoch {epoch + 1}: test error {by_classifier:.1f} %, by the nearest center {by_center:.1f} %")
    return model


@torch.no_grad()
def errors(model, dataset):
    """Test errors in %: of the classifier, and of the label whose center is nearest to z."""
    model.eval()
    log_w, m, log_v = model.encode(data.to_float(dataset.test_images))
    nearest = torch.cdist(model.draw(log_w, m, log_v), model.mu).argmin(1)
    model.train()
    return [100 * (guess != dataset.test_labels).float().mean().item() for guess in (log_w.argmax(1), nearest)]


if __name__ == "__main__":
    torch.manual_seed(1)
    train(data.load("mnist", *sys.argv[1:]), epochs=3)
