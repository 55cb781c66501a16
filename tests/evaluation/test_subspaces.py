import pytest
import torch

from exon import networks, prior
from exon.evaluation import subspaces
from exon.model import EXoN

SCALES = torch.tensor([4.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])


class Linear(torch.nn.Module):
    """D(z) = z times SCALES, as an image of 1 x 1 x 8."""

    def forward(self, z):
        return (z * SCALES.to(z.device))[:, None, None]


@pytest.fixture
def linear():
    mixture = prior.one_hot(2, 8)
    return EXoN(networks.mnist_encoder(2, 8, 0.02), networks.mnist_classifier(2, 0.05), Linear(), mixture)


def test_a_ratio_is_that_of_root_mean_squares(linear, device):
    linear = linear.to(device)
    z, noise = (torch.randn(4000, 8, generator=torch.Generator().manual_seed(i)) for i in (0, 1))
    first, second = torch.zeros(2, 8, dtype=torch.bool), torch.zeros(2, 8, dtype=torch.bool)
    first[:, 0], second[:, :2] = True, True
    classes = torch.arange(4000) % 2
    pairs = {"first": first, "second": second, "none": torch.zeros_like(first), "all": torch.ones_like(first)}
    ratios = subspaces.rms_ratios(linear, z.to(device), classes, pairs, noise.to(device))
    assert ratios["first"] == pytest.approx(4 / 10**0.5, rel=0.05)
    assert ratios["second"] == pytest.approx(5, rel=0.05)
    assert ratios.keys() == {"first", "second"}


def test_each_code_is_moved_in_the_subspace_of_its_own_class(linear):
    z, noise = torch.zeros(10, 8), torch.ones(10, 8)
    own = torch.zeros(2, 8, dtype=torch.bool)
    own[0, 0], own[1, 7] = True, True
    of_class = [subspaces.rms_ratios(linear, z, torch.full((10,), k), {"": own}, noise)[""] for k in range(2)]
    assert of_class == pytest.approx([4 / 10**0.5, 1 / 5])


def test_controls_have_the_size_of_the_activated_subspace(linear):
    """V-nat is right about the decoder and the KL is not; a random choice lies between the best and the worst."""
    generator = torch.Generator().manual_seed(2)
    z, noise = torch.randn(2, 1000, 8, generator=generator)
    v_nat = SCALES.expand(2, 8) - 0.5  # activated at 1: the first two dimensions
    kl = torch.arange(8.0)
    numbers = subspaces.summarize(linear, z, torch.zeros(1000, dtype=torch.long), v_nat, kl, noise, generator)
    assert numbers["rms_ratio_at_1"] == pytest.approx(5, rel=0.1)
    assert set(subspaces.NAMES) - numbers.keys() == {"rms_ratio_at_0.25"}  # the others change nothing
    assert numbers["rms_ratio_lowest"] == 0
    assert numbers["rms_ratio_highest_kl"] == pytest.approx(1 / 5, rel=0.1)
    assert 0 < numbers["rms_ratio_random"] < numbers["rms_ratio_at_1"]


@pytest.mark.parametrize("v_nat", [0.0, 100.0])
def test_without_a_dimension_on_either_side_there_is_no_number(linear, v_nat):
    z, noise = torch.randn(2, 10, 8, generator=torch.Generator().manual_seed(2))
    classes, v_nat = torch.zeros(10, dtype=torch.long), torch.full((2, 8), v_nat)
    assert subspaces.summarize(linear, z, classes, v_nat, torch.arange(8.0), noise, torch.Generator()) == {}


def test_the_highest_are_chosen_for_each_class():
    score = torch.tensor([[1.0, 3.0, 2.0], [3.0, 2.0, 1.0]])
    chosen = subspaces.highest(score, torch.tensor([1, 2]))
    assert chosen.tolist() == [[False, True, False], [True, True, False]]


def test_at_draws_a_subspace_is_moved_by_noise_or_takes_the_values_of_another_draw(linear, device):
    linear = linear.to(device)
    draws, noise = (x.to(device) for x in torch.randn(2, 1000, 8, generator=torch.Generator().manual_seed(3)))
    others = draws + torch.eye(8)[[0, 7]].sum(0).to(device)
    v_nat, classes = (SCALES > 3).float().expand(2, 8) * 2, torch.arange(1000) % 2
    numbers = subspaces.at_draws(linear, draws, others, classes, v_nat, torch.arange(8.0), noise, seed=1)
    assert numbers["drawn_rms_ratio_at_1"] == pytest.approx(4 / 10**0.5, rel=0.1)
    assert numbers["redrawn_rms_ratio_at_1"] == pytest.approx(4)
    assert numbers["redrawn_rms_ratio_highest_kl"] == pytest.approx(1 / 4)
    same = subspaces.at_draws(linear, draws, draws, classes, v_nat, torch.arange(8.0), noise, seed=1)
    assert all(name.startswith("drawn_") for name in same)
    assert same["drawn_rms_ratio_random"] == numbers["drawn_rms_ratio_random"]
