import pytest
import torch
from scipy.optimize import minimize
from torch import nn

from exon import networks, prior
from exon.evaluation import probes, traits
from exon.model import EXoN


def codes_of(labels, mixture, seed=0):
    return mixture.sample(labels, torch.Generator().manual_seed(seed))


def test_label_dimensions_are_those_of_the_centers():
    assert probes.label_dimensions(prior.one_hot(10, 32)).nonzero().flatten().tolist() == list(range(10))
    assert probes.label_dimensions(prior.circle()).all()


def test_a_probe_is_as_good_as_a_logistic_regression_can_be():
    """Two classes at -1 and 1 with unit variance: the best boundary is 0, and errs on P(N(0, 1) > 1) = 15.87 %."""
    labels = torch.arange(20000) % 2
    z = torch.randn(20000, 3, generator=torch.Generator().manual_seed(1))
    z[:, 1] += 2.0 * labels - 1
    z[:, 2] *= 1000
    accuracy = probes.probe_accuracy_pct(z[:10000], labels[:10000], z[10000:], labels[10000:])
    assert accuracy == pytest.approx(84.13, abs=1.5)


def test_the_fit_is_the_minimum_that_scipy_finds():
    generator = torch.Generator().manual_seed(2)
    labels = torch.randint(3, (60,), generator=generator)
    z = torch.randn(60, 2, generator=generator) + labels[:, None]
    test = torch.randn(500, 2, generator=generator) + 1
    scaled = ((z - z.mean(0)) / z.std(0, correction=0)).double()

    def loss(flat):
        weight, bias = torch.from_numpy(flat[:6]).view(3, 2), torch.from_numpy(flat[6:])
        value = nn.functional.cross_entropy(scaled @ weight.T + bias, labels)
        return (value + probes.PENALTY / 2 * weight.square().sum()).item()

    found = torch.from_numpy(minimize(loss, torch.zeros(9).double().numpy(), tol=1e-10).x)
    logits = (test - z.mean(0)) / z.std(0, correction=0) @ found[:6].view(3, 2).T.float() + found[6:].float()
    called = logits.argmax(1)
    assert probes.probe_accuracy_pct(z, labels, test, called) > 99.5


def test_what_each_kind_of_dimension_carries():
    mixture = prior.one_hot(10, 16, distance=3.0)
    labels = torch.arange(2000) % 10
    z, test = codes_of(labels, mixture), codes_of(labels, mixture, 1)
    activated = torch.zeros(16, dtype=torch.bool)
    activated[8:14] = True
    numbers = probes.probe_accuracies(z, labels, test, labels, mixture, activated)
    assert numbers["probe_label_pct"] > 95
    assert numbers["probe_activated_pct"] < 15
    assert numbers["probe_all_pct"] > 95


def test_neighbours_are_alike_where_the_centers_differ():
    mixture = prior.one_hot(10, 32, distance=3.0)
    labels = torch.arange(1000) % 10
    sure = torch.eye(10)[labels].clamp_min(1e-12).log()
    z = codes_of(labels, mixture)
    z[:, 20] += 100 * labels
    activated = torch.zeros(32, dtype=torch.bool)
    activated[[0, 20]] = True
    numbers = probes.purities(z, sure, labels, mixture, activated, torch.Generator().manual_seed(0))
    assert numbers["purity_label_pct"] > 90
    assert numbers["purity_drawn_label_pct"] > 90
    assert numbers["purity_activated_pct"] > 99
    assert 15 < numbers["purity_random_pct"] < 95  # dimension 20 is in some of the five draws
    apart = z.index_fill(1, torch.tensor([20]), 0.0)
    unsure = probes.purities(
        apart, torch.zeros(1000, 10), labels, mixture, activated & False, torch.Generator().manual_seed(0)
    )
    assert unsure.keys() == numbers.keys() - {"purity_activated_pct"}
    assert unsure["purity_label_pct"] == numbers["purity_label_pct"]
    assert unsure["purity_drawn_label_pct"] == pytest.approx(10, abs=2)
    assert unsure["purity_random_pct"] == pytest.approx(10, abs=2)


def test_without_dimensions_the_most_frequent_label_is_called():
    labels = torch.tensor([0, 1, 1, 1])
    assert probes.probe_accuracy_pct(torch.zeros(4, 0), labels, torch.zeros(4, 0), labels) == 75


class Nearest(nn.Module):
    """An image of 1 x 1 x K that is 1 at the largest label dimension; and a judge that reads it."""

    def forward(self, z):
        return nn.functional.one_hot(z[:, :10].argmax(1), 10).float()[:, None, None]


class Blind(Nearest):
    """Decodes the other dimensions alone."""

    def forward(self, z):
        return super().forward(z[:, 10:])


@pytest.mark.parametrize(("decoder", "expected"), [(Nearest(), (100, 100, 100)), (Blind(), (10, 10, 0))])
def test_verdicts_follow_the_centers_if_the_decoder_reads_them(decoder, expected, device):
    mixture = prior.one_hot(10, 32, distance=3.0)
    reader = nn.Sequential(nn.Flatten(), nn.Linear(10, 10, bias=False))
    reader[1].weight.data = torch.eye(10)
    labels = torch.arange(2000) % 10
    z = codes_of(labels, mixture).to(device)
    model = EXoN(networks.mnist_encoder(10, 32, 0.02), networks.mnist_classifier(10, 0.05), decoder, mixture).to(device)
    before = z.clone()
    numbers = probes.moved_verdicts(reader.to(device), model, z, labels, torch.Generator().manual_seed(3))
    assert list(numbers) == ["own_center_verdict_pct", "other_center_verdict_pct", "verdict_changed_pct"]
    assert list(numbers.values()) == pytest.approx(expected, abs=3)
    assert torch.equal(z.cpu(), before.cpu())


def test_the_part_of_the_codes_that_tells_a_trait_is_found():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (600, 1, 28, 28), dtype=torch.uint8, generator=generator)
    z = torch.randn(600, 8, generator=generator)
    z[:, 3] = 1000 * traits.traits(images)["brightness"].float()
    one = torch.arange(8) == 3
    numbers = probes.trait_parts(z, torch.arange(600) % 3, images, one, generator)
    assert numbers["activated_dimensions"] == 1
    assert numbers["activated_trait_brightness"] > 0.98
    assert abs(numbers["rest_trait_brightness"]) < 0.15
    assert numbers["random_trait_brightness"] < numbers["activated_trait_brightness"]
    assert probes.trait_parts(z, torch.arange(600) % 3, images, one & False, generator) == {"activated_dimensions": 0}
