import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Categorical, Independent, Normal, kl_divergence

from exon import losses, prior


def random_posterior(n=6, seed=0, p=None):
    p = p or prior.circle()
    g = torch.Generator().manual_seed(seed)
    log_weights = F.log_softmax(2 * torch.randn(n, p.num_classes, generator=g), 1)
    mean = p.means + torch.randn(n, p.num_classes, p.latent_dim, generator=g)
    log_variance = torch.randn(n, p.num_classes, p.latent_dim, generator=g)
    return log_weights, mean, log_variance, p


def close(ours, expected, **tolerance):
    """On whatever device ours are, they agree with the values expected, from the CPU, to 1e-5."""
    torch.testing.assert_close(ours.cpu(), expected, **({"rtol": 1e-5, "atol": 1e-5} | tolerance))


def test_reconstruction_is_half_the_squared_error(device):
    x, x_hat = torch.randn(5, 3, 4, 4), torch.randn(5, 3, 4, 4)
    expected = torch.stack([0.5 * F.mse_loss(b, a, reduction="sum") for a, b in zip(x, x_hat, strict=True)])
    close(losses.reconstruction(x.to(device), x_hat.to(device)), expected)


def test_kl_label_is_that_of_torch_distributions(device):
    log_weights, *_ = random_posterior()
    uniform = Categorical(torch.full((10,), 0.1))
    close(losses.kl_label(log_weights.to(device)), kl_divergence(Categorical(logits=log_weights), uniform))


@given(st.integers(0, 10_000), st.integers(2, 12), st.floats(0.1, 50))
def test_kl_label_lies_between_zero_and_log_k(device, seed, classes, scale):
    logits = scale * torch.randn(8, classes, generator=torch.Generator().manual_seed(seed))
    kl = losses.kl_label(F.log_softmax(logits.to(device), 1))
    assert (kl > -1e-5).all()
    assert (kl < math.log(classes) + 1e-5).all()


def test_kl_label_of_a_certain_classifier_is_finite_with_its_gradient(device):
    logits = torch.tensor([[500.0, 0.0, 0.0]]).to(device).requires_grad_()
    kl = losses.kl_label(F.log_softmax(logits, 1))
    kl.sum().backward()
    assert kl.item() == pytest.approx(math.log(3))
    assert logits.grad.isfinite().all()
    assert losses.kl_label(torch.eye(3).to(device).log()).tolist() == pytest.approx([math.log(3)] * 3)


def test_kl_latent_is_that_of_torch_distributions(device):
    log_weights, mean, log_variance, p = random_posterior()
    posterior = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    component = Independent(Normal(p.means, p.variances.sqrt()), 1)
    expected = (log_weights.exp() * kl_divergence(posterior, component.expand(posterior.batch_shape))).sum(1)
    ours = losses.kl_latent(log_weights.to(device), mean.to(device), log_variance.to(device), p.to(device))
    close(ours, expected)


def test_the_two_kl_terms_add_up_to_the_joint_kl_by_monte_carlo():
    """KL(q(y, z | x) || p(y, z)) = E_q [ log q(y) + log q(z | y) - log p(y) - log p(z | y) ]."""
    log_weights, mean, log_variance, p = random_posterior(n=1, p=prior.one_hot(num_classes=3, latent_dim=4))
    g = torch.Generator().manual_seed(1)
    n = 200_000
    y = torch.multinomial(log_weights[0].exp(), n, replacement=True, generator=g)
    deviation = (0.5 * log_variance[0]).exp()
    z = mean[0, y] + deviation[y] * torch.randn(n, 4, generator=g)
    log_q = log_weights[0, y] + Normal(mean[0, y], deviation[y]).log_prob(z).sum(1)
    log_p = -math.log(3) + Normal(p.means[y], p.variances[y].sqrt()).log_prob(z).sum(1)
    ratio = log_q - log_p
    closed = losses.kl_label(log_weights) + losses.kl_latent(log_weights, mean, log_variance, p)
    assert abs(ratio.mean() - closed.item()) < 5 * ratio.std() / math.sqrt(n)


@given(st.integers(0, 10_000))
def test_kl_latent_is_never_negative_and_zero_at_the_prior(device, seed):
    log_weights, mean, log_variance, p = (part.to(device) for part in random_posterior(seed=seed))
    assert (losses.kl_latent(log_weights, mean, log_variance, p) >= 0).all()
    at_prior = losses.kl_latent(log_weights, p.means.expand_as(mean), p.variances.log().expand_as(mean), p)
    assert at_prior.abs().max() < 1e-5


def test_cross_entropy_is_torchs(device):
    log_weights, *_ = random_posterior()
    labels = torch.tensor([0, 1, 2, 3, 9, 9])
    hard = F.one_hot(labels, 10).float()
    expected = F.nll_loss(log_weights, labels, reduction="none")
    close(losses.cross_entropy(log_weights.to(device), hard.to(device)), expected)
    soft = torch.softmax(torch.randn(6, 10), 1)
    expected = F.cross_entropy(log_weights, soft, reduction="none")
    close(losses.cross_entropy(log_weights.to(device), soft.to(device)), expected)
    certain = torch.eye(3).to(device)
    assert losses.cross_entropy(certain.log(), certain).tolist() == [0, 0, 0]


@given(st.floats(0, 1))
def test_mix_up_weighs_the_shuffled_image_and_its_label_alike(device, c):
    images, targets = torch.rand(4, 1, 2, 2), F.one_hot(torch.arange(4), 4).float()
    permutation = torch.tensor([1, 2, 3, 0])
    mixed, mixed_targets = losses.mix_up(images.to(device), targets.to(device), c, permutation.to(device))
    close(mixed, c * images[permutation] + (1 - c) * images)
    close(mixed_targets, c * targets[permutation] + (1 - c) * targets)
    close(mixed_targets.sum(1), torch.ones(4))


def test_ramp_up():
    assert losses.ramp_up(0, 10) == pytest.approx(math.exp(-5))
    assert losses.ramp_up(5, 10) == pytest.approx(math.exp(-1.25))
    assert losses.ramp_up(0, 1) == pytest.approx(math.exp(-5))
    assert losses.ramp_up(10, 10) == losses.ramp_up(99, 10) == losses.ramp_up(0, 0) == 1
    values = [losses.ramp_up(epoch, 50) for epoch in range(60)]
    assert values == sorted(values)


def test_objective_is_the_sum_written_in_the_method(device):
    g = torch.Generator().manual_seed(0)
    sizes = (128, 128, 128, 32, 32, 96)
    terms = losses.Terms(*(torch.rand(n, generator=g).to(device) for n in sizes))
    recon, kl_y, kl_z, ce, sci_l, sci_u = (t.sum() for t in terms)
    beta, lambda1, lambda2 = 0.5, 6000.0, 40.0
    expected = recon + beta * (kl_y + kl_z + ce) + lambda1 * (ce + sci_l) + lambda2 * sci_u
    torch.testing.assert_close(losses.objective(terms, beta, lambda1, lambda2), expected)
    v2 = terms._replace(sci_labelled=None, sci_unlabelled=None)
    torch.testing.assert_close(
        losses.objective(v2, beta, lambda1, lambda2) / beta, recon / beta + kl_y + kl_z + (1 + lambda1 / beta) * ce
    )
    bound = losses.Terms(terms.recon, terms.kl_label, terms.kl_latent)
    torch.testing.assert_close(losses.objective(bound, beta, lambda1, lambda2), recon + beta * (kl_y + kl_z))
    torch.testing.assert_close(losses.objective(bound, beta, lambda1, lambda2, kl_weight=0.0), recon)
    torch.testing.assert_close(
        losses.objective(bound, beta, lambda1, lambda2, kl_weight=3.0), recon + 3 * beta * (kl_y + kl_z)
    )
    infinite = bound._replace(kl_latent=torch.full((128,), math.inf).to(device))
    torch.testing.assert_close(losses.objective(infinite, beta, lambda1, lambda2, kl_weight=0.0), recon)
    torch.testing.assert_close(
        losses.objective(terms, beta, lambda1, lambda2, 2.0, elbo_weight=3.0),
        3 * recon + beta * (6 * (kl_y + kl_z) + ce) + lambda1 * (ce + sci_l) + lambda2 * sci_u,
    )
    alone = terms._replace(recon=None, kl_label=None, kl_latent=None)
    torch.testing.assert_close(
        losses.objective(alone, beta, lambda1, lambda2), (beta + lambda1) * ce + lambda1 * sci_l + lambda2 * sci_u
    )
