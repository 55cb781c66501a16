import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from exon import prior
from exon.errors import UserError


def reference(p):
    components = Independent(Normal(p.means, p.variances.sqrt()), 1)
    return MixtureSameFamily(Categorical(torch.ones(p.num_classes)), components)


@pytest.mark.parametrize(
    "p", [prior.circle(), prior.line(8.0), prior.row(), prior.grid(), prior.single(), prior.one_hot(latent_dim=16)]
)
def test_log_prob_is_that_of_the_mixture(p):
    z = 5 * torch.randn(200, p.latent_dim, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(p.log_prob(z), reference(p).log_prob(z), rtol=1e-5, atol=1e-4)


def test_sample_has_the_moments_of_its_component():
    p = prior.one_hot(num_classes=3, latent_dim=5, distance=2.0, label_variance=0.1, noise_variance=1.5)
    n = 20_000
    for k in range(3):
        z = p.sample(torch.full((n,), k), torch.Generator().manual_seed(k))
        assert ((z.mean(0) - p.means[k]).abs() < 5 * (p.variances[k] / n).sqrt()).all()
        assert ((z.var(0) / p.variances[k] - 1).abs() < 5 * math.sqrt(2 / n)).all()


def test_sample_is_a_function_of_the_generator():
    p, labels = prior.circle(), torch.arange(10)
    a, b, c = (p.sample(labels, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


@given(st.integers(2, 20), st.floats(0.1, 10))
def test_neighbours_on_the_circle_are_four_deviations_apart(classes, variance):
    p = prior.circle(classes, variance)
    gaps = (p.means - p.means.roll(1, 0)).norm(dim=1)
    torch.testing.assert_close(gaps, torch.full((classes,), 4 * variance**0.5), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(p.means.mean(0), torch.zeros(2), rtol=0, atol=1e-3)


def test_the_papers_circle():
    radius = 2 * 2 / math.sin(math.pi / 10)
    p = prior.circle()
    torch.testing.assert_close(
        p.means[0], torch.tensor([radius * math.cos(math.pi / 10), radius * math.sin(math.pi / 10)])
    )
    torch.testing.assert_close(p.means.norm(dim=1), torch.full((10,), radius))
    assert (p.variances == 4).all()


def test_line_and_row():
    assert prior.line(8.0).means.tolist() == [[-8, 0], [8, 0]]
    row = prior.row()
    assert row.means[:, 1].eq(0).all()
    torch.testing.assert_close(row.means[:, 0].diff(), torch.full((9,), 8.0))
    assert row.means[0, 0] == -row.means[-1, 0]
    assert prior.line(8.0).variances.eq(4).all()
    assert row.variances.eq(4).all()


def test_the_papers_one_hot():
    p = prior.one_hot()
    assert p.means.shape == (10, 256)
    assert torch.equal(p.means[:, :10], torch.eye(10))
    assert p.means[:, 10:].eq(0).all()
    assert torch.allclose(p.variances[:, :10], torch.tensor(0.1))
    assert p.variances[:, 10:].eq(1).all()


@pytest.mark.parametrize(
    "p",
    [
        *(prior.circle(2, 0.5), prior.row(2, 0.5), prior.line(0.5, 0.5), prior.one_hot(num_classes=2, latent_dim=2)),
        *(prior.grid(2, 0.5), prior.single(2, 0.5)),
        prior.one_hot(distance=0.5, label_variance=0.5, noise_variance=0.5),
    ],
)
def test_the_smallest_priors_are_built(p):
    assert p.num_classes in (2, 10)
    assert p.latent_dim in (2, 256)


NOT_FINITE = torch.tensor([[0.0, torch.inf], [0.0, 0.0]])


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: prior.circle(variance=0.0), "variance = 0.0"),
        (lambda: prior.circle(num_classes=1), "num_classes = 1"),
        (lambda: prior.row(variance=0.0), "variance = 0.0"),
        (lambda: prior.row(num_classes=1), "num_classes = 1"),
        (lambda: prior.grid(variance=0.0), "variance = 0.0"),
        (lambda: prior.grid(num_classes=0), "num_classes = 0"),
        (lambda: prior.single(variance=0.0), "variance = 0.0"),
        (lambda: prior.single(num_classes=1), "num_classes = 1"),
        (lambda: prior.line(-1.0), "distance = -1.0"),
        (lambda: prior.line(0.0), "distance = 0.0"),
        (lambda: prior.line(1.0, variance=0.0), "variance = 0.0"),
        (lambda: prior.one_hot(latent_dim=5), "latent_dim = 5"),
        (lambda: prior.one_hot(num_classes=1), r"at least num_classes = 1 \(>= 2\)"),
        (lambda: prior.one_hot(distance=0.0), "distance = 0.0"),
        (lambda: prior.one_hot(label_variance=-0.1), "label_variance = -0.1"),
        (lambda: prior.GaussianMixturePrior(NOT_FINITE, torch.ones(2, 2)), "means must be finite"),
        (lambda: prior.GaussianMixturePrior(torch.zeros(2, 2), NOT_FINITE + 1), "variances finite"),
        (lambda: prior.GaussianMixturePrior(torch.zeros(3, 2), torch.ones(2, 3)), r"\(3, 2\) and \(2, 3\)"),
        (lambda: prior.GaussianMixturePrior(torch.zeros(3, 2), torch.zeros(3, 2)), "positive"),
    ],
)
def test_bad_input_is_named(build, named):
    with pytest.raises(UserError, match=named):
        build()


def test_the_grid_has_two_rows_and_neighbours_four_deviations_apart():
    means = prior.grid().means
    assert means[:, 0].tolist() == [-16, -8, 0, 8, 16] * 2
    assert means[:, 1].tolist() == [4] * 5 + [-4] * 5


def test_the_single_layout_is_one_gaussian():
    p = prior.single()
    assert p.num_classes == 10
    z = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(p.log_prob(z), Independent(Normal(torch.zeros(2), 2 * torch.ones(2)), 1).log_prob(z))


@given(st.permutations(range(10)))
def test_reassigned_centers_are_the_same_set(order):
    p = prior.circle()
    q = prior.reassigned(p, order)
    assert torch.equal(q.means, p.means[list(order)])
    assert torch.equal(prior.reassigned(q, [order.index(k) for k in range(10)]).means, p.means)


@pytest.mark.parametrize("order", [[0, 1], [0] * 10, list(range(1, 11))])
def test_an_order_that_is_no_permutation_is_named(order):
    with pytest.raises(UserError, match=r"order = \[.*\] is not accepted: give a permutation of 0\.\.9"):
        prior.reassigned(prior.circle(), order)


def test_an_odd_grid_is_refused():
    with pytest.raises(UserError, match="num_classes = 5 is not accepted: give an even integer"):
        prior.grid(5)
