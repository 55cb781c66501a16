import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exon import explain, prior
from exon.errors import UserError
from exon.model import build, evaluating


def test_v_nat_is_the_log_mean_ratio_of_widths(device):
    p = prior.one_hot(num_classes=2, latent_dim=3)
    log_variance = torch.randn(6, 2, 3)
    labels = torch.tensor([0, 1, 0, 1, 1, 0])
    there = prior.one_hot(num_classes=2, latent_dim=3).to(device)
    result = explain.v_nat(log_variance.to(device), labels.to(device), there)
    assert torch.equal(result, explain.v_nat(log_variance.to(device), labels, there))  # labels may stay on the CPU
    for k in range(2):
        for j in range(3):
            ratios = [p.variances[k, j] / log_variance[n, k, j].exp() for n in range(6) if labels[n] == k]
            assert result[k, j].item() == pytest.approx(math.log(sum(ratios) / 3), abs=1e-5)


@given(st.floats(-3, 3))
def test_v_nat_of_the_prior_is_zero_and_shrinking_the_posterior_adds_its_log(device, shrink):
    p = prior.circle().to(device)
    log_variance = p.variances.log().expand(20, 10, 2)
    labels = torch.arange(20) % 10
    v_nat = explain.v_nat(log_variance - shrink, labels, p).cpu()
    torch.testing.assert_close(v_nat, torch.full((10, 2), shrink), atol=1e-5, rtol=0)


def test_v_nat_needs_every_class():
    with pytest.raises(UserError, match="class 9"):
        explain.v_nat(torch.zeros(9, 10, 2), torch.arange(9), prior.circle())


def test_activated_dimensions_exceed_delta(device):
    statistic = torch.tensor([[0.0, 1.0, 1.1, 5.0]]).to(device)
    assert explain.activated(statistic).tolist() == [[False, False, True, True]]
    assert explain.activated(statistic, delta=2.0).sum() == 1


def test_interpolation_joins_its_ends_evenly(device):
    path = explain.interpolate(torch.tensor([0.0, 2.0]).to(device), torch.tensor([4.0, 0.0]).to(device), 5)
    assert path.tolist() == [[0, 2], [1, 1.5], [2, 1], [3, 0.5], [4, 0]]


def test_traversal_moves_one_dimension(device):
    z = torch.tensor([1.0, 2.0, 3.0]).to(device)
    walk = explain.traverse(z, 1, torch.tensor([-1.0, 0.0, 7.0]).to(device))
    assert walk.tolist() == [[1, -1, 3], [1, 0, 3], [1, 7, 3]]
    assert z.tolist() == [1, 2, 3]


def test_perturbation_stays_in_its_subspace_and_the_two_add_up(device):
    z, noise = torch.randn(5, 8, device=device), torch.randn(5, 8, device=device)
    subspace = torch.arange(8, device=device) < 3
    inside, outside = explain.perturb(z, subspace, noise), explain.perturb(z, ~subspace, noise)
    assert torch.equal(inside[:, 3:], z[:, 3:])
    assert torch.equal(outside[:, :3], z[:, :3])
    assert torch.equal(inside, explain.perturb(z, subspace.expand(5, 8), noise))  # one subspace for each point
    torch.testing.assert_close(inside + outside - z, z + noise)


def test_the_grid_lies_as_an_image_shows_it():
    points = explain.grid()
    assert points.shape == (961, 2)
    assert points[0].tolist() == [-15, 15]
    assert points[1].tolist() == [-14, 15]
    assert points[-1].tolist() == [15, -15]
    assert len(points.unique(dim=0)) == 961
    assert explain.grid(limit=1.0, step=0.5)[:6].tolist() == [[-1, 1], [-0.5, 1], [0, 1], [0.5, 1], [1, 1], [-1, 0.5]]


def test_only_noise_inside_the_subspace_changes_the_image(device):
    built = build("mnist", prior.circle(), 0.25)
    z, noise = torch.randn(2, 7, 2)
    with torch.no_grad(), evaluating(built):
        expected = (built.decode(z + noise) - built.decode(z)).square().mean((1, 2, 3))
    there, z, noise = copy.deepcopy(built).to(device), z.to(device), noise.to(device)
    none, both = torch.zeros(2, dtype=torch.bool, device=device), torch.ones(2, dtype=torch.bool, device=device)
    assert explain.pixel_change(there, z, none, noise, batch=3).tolist() == [0] * 7
    change = explain.pixel_change(there, z, both, noise, batch=3)
    torch.testing.assert_close(change.cpu(), expected)
    assert not change.requires_grad
