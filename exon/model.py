"""EXoN: an encoder whose posterior is a Gaussian mixture with one component per label::

    p(y = k) = 1/K
    p(z | y = k) = N(mu_k, diag s2_k)
    p(x | z) = N(D(z), beta I)
    q(y = k | x) = w_k(x)
    q(z | x, y = k) = N(m_k(x), diag v_k(x))

The classifier gives w, the encoder m and v, the decoder D; mu_k and s2_k are the prior's, and fixed.
"""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from exon import networks
from exon.errors import UserError
from exon.experiment import Experiment
from exon.networks.layers import Classifier
from exon.prior import GaussianMixturePrior


class Output(NamedTuple):
    """What one pass yields: (N, K), (N, K, d), (N, K, d), (N, d) and (N, C, H, W)."""

    log_weights: Tensor
    mean: Tensor
    log_variance: Tensor
    z: Tensor
    x_hat: Tensor


class EXoN(nn.Module):
    """The model of the paper's section 3: classifier w, encoder (m, v), decoder D and the fixed prior.

    Args:
        encoder: (N, C, H, W) -> (N, 2, K, d), means and log-variances.
        classifier: (N, C, H, W) -> (N, K), logits.
        decoder: (N, d) -> (N, C, H, W).
        prior: K components in d dimensions.
        mirrored: whether q(y | x) in evaluation mode is the mean over an image and its mirror image.
        precision: "bfloat16" for the matrix products of the three networks alone; what goes in and what comes out is float32.
    """

    def __init__(
        self,
        encoder: nn.Module,
        classifier: Classifier,
        decoder: nn.Module,
        prior: GaussianMixturePrior,
        mirrored: bool = False,
        precision: Literal["float32", "bfloat16"] = "float32",
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.classifier = classifier
        self.decoder = decoder
        self.prior = prior
        self.mirrored = mirrored
        self.precision = precision

    def classify(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """log q(y | x), (N, K): q is the softmax of the classifier's logits.

        If `mirrored`, in evaluation mode, q is the mean of those of x and of x with left and right exchanged.
        """
        log_weights = F.log_softmax(self._run(self.classifier, x), dim=1)
        if self.mirrored and not self.training:
            mirror = F.log_softmax(self._run(self.classifier, x.flip(3)), dim=1)
            return torch.logaddexp(log_weights, mirror) - math.log(2)
        return log_weights

    def pseudo_label(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """The soft targets of SCI on unlabelled images, (N, K): `exon.networks.layers.Classifier.pseudo_label`."""
        with self._autocast(x.device):
            return self.classifier.pseudo_label(x)

    def encode(self, x: Float[Tensor, "n c h w"]) -> tuple[Float[Tensor, "n k d"], Float[Tensor, "n k d"]]:
        """The mean m_k(x) and log-variance log v_k(x) of every q(z | x, y = k), each (N, K, d)."""
        mean, log_variance = self._run(self.encoder, x).unbind(1)
        return mean, log_variance

    def decode(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n c h w"]:
        """D(z), the mean of p(x | z): (N, C, H, W), pixels in [-1, 1]."""
        return self._run(self.decoder, z)

    def forward(self, x: Float[Tensor, "n c h w"], generator: torch.Generator | None = None) -> Output:
        """One draw from the encoder and its reconstruction.

        z_k ~ N(m_k, diag v_k) by reparameterisation for every k, y a hard one-hot draw from w, z = sum_k y_k z_k.

        Args:
            x: (N, C, H, W), pixels in [-1, 1].
            generator: the source of z and y; PyTorch's default one if None.
        """
        log_weights = self.classify(x)
        mean, log_variance = self.encode(x)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        z_per_class = mean + (0.5 * log_variance).exp() * noise
        y = gumbel_max(log_weights, generator)
        z = (y.unsqueeze(2) * z_per_class).sum(1)
        return Output(log_weights, mean, log_variance, z, self.decode(z))

    def _run(self, network: nn.Module, x: Tensor) -> Tensor:
        with self._autocast(x.device):
            return network(x).float()

    def _autocast(self, device: torch.device) -> AbstractContextManager[None]:
        return torch.autocast(device.type, torch.bfloat16) if self.precision == "bfloat16" else nullcontext()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, the mode it had before afterwards."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def gumbel_max(log_weights: Float[Tensor, "n k"], generator: torch.Generator | None = None) -> Float[Tensor, "n k"]:
    """A one-hot draw y ~ Categorical(w): y = one_hot(argmax_k log w_k + g_k), g_k ~ Gumbel(0, 1).

    Straight-through: the gradient with respect to y goes to log w unchanged (no softmax relaxation in between), as in the
    authors' code.

    Args:
        log_weights: (N, K), log w.

    Returns:
        (N, K), each row one-hot.
    """
    # -log of a standard exponential is a standard Gumbel.
    gumbel = -torch.empty_like(log_weights).exponential_(generator=generator).log()
    index = (log_weights.detach() + gumbel).argmax(1)
    hard = F.one_hot(index, log_weights.shape[1]).to(log_weights.dtype)
    return hard + (log_weights - log_weights.detach())


def build(
    dataset: str,
    prior: GaussianMixturePrior,
    width: float = 1.0,
    generator: torch.Generator | None = None,
    *,
    autoencoder_width: float | None = None,
    initialisation: str = "glorot",
    mirrored: bool = False,
    precision: Literal["float32", "bfloat16"] = "float32",
) -> EXoN:
    """The paper's networks for a dataset, freshly initialised.

    Args:
        dataset: "mnist" (1 x 28 x 28 images) or "cifar10" (3 x 32 x 32).
        prior: sets the number of classes and latent dimensions.
        width: factor on all hidden channels, > 0; 1 is the paper's size.
        generator: the source of the initial weights; a fresh one with seed 0 if None.
        autoencoder_width: the same factor for encoder and decoder; `width` if None.
        initialisation: "glorot", or "dirac" for `exon.networks.pass_through` in the classifier as well.
        mirrored, precision: as `EXoN` takes them.

    Raises:
        UserError: unknown dataset, initialisation or precision, or a width that is not positive.
    """
    if dataset not in ("mnist", "cifar10"):
        raise UserError(f"dataset = {dataset!r} is not known: give 'mnist' or 'cifar10'.")
    other = width if autoencoder_width is None else autoencoder_width
    for name, factor in (("width", width), ("autoencoder_width", other)):
        if not factor > 0:
            raise UserError(f"{name} = {factor!r} is not accepted: give a positive number.")
    if initialisation not in ("glorot", "dirac"):
        raise UserError(f"initialisation = {initialisation!r} is not known: give 'glorot' or 'dirac'.")
    if precision not in ("float32", "bfloat16"):
        raise UserError(f"precision = {precision!r} is not known: give 'float32' or 'bfloat16'.")
    classes, dim = prior.num_classes, prior.latent_dim
    if dataset == "mnist":
        parts = (
            networks.mnist_encoder(classes, dim, other),
            networks.mnist_classifier(classes, width),
            networks.mnist_decoder(dim, other),
        )
    else:
        parts = (
            networks.cifar10_encoder(classes, dim, other),
            networks.cifar10_classifier(classes, width),
            networks.cifar10_decoder(dim, other),
        )
    model = EXoN(*parts, prior, mirrored, precision)
    networks.initialise(model, generator or torch.Generator().manual_seed(0))
    if initialisation == "dirac":
        networks.pass_through(model.classifier)
    return model.to(memory_format=torch.channels_last)


def build_for(experiment: Experiment, generator: torch.Generator | None = None) -> EXoN:
    """The networks of an experiment, freshly initialised from the generator; as `build`."""
    return build(
        experiment.dataset,
        experiment.build_prior(),
        experiment.width,
        generator,
        autoencoder_width=experiment.autoencoder_width,
        initialisation=experiment.initialisation,
        mirrored=experiment.mirrored_evaluation,
        precision=experiment.precision,
    )
