import copy
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from skimage.metrics import structural_similarity

from exon import data, explain, losses, metrics, model, prior
from exon.errors import UserError


def skimage_negative_ssim(images, pairs, max_val=1.0):
    options = {
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
        "data_range": max_val,
        "full": True,
    }
    values = []
    for a, b in pairs:
        channels = [structural_similarity(x, y, **options)[1] for x, y in zip(images[a], images[b], strict=True)]
        # The windows that lie inside the image, as TensorFlow's implementation takes them.
        values.append(np.mean([full[5:-5, 5:-5] for full in channels]))
    return (1 - np.mean(values)) / 2


@pytest.mark.parametrize(("channels", "max_val", "contrast"), [(1, 1.0, 1.0), (3, 2.0, 0.1)])
def test_negative_ssim_equals_skimage_on_all_pairs(device, channels, max_val, contrast):
    noise = torch.randn(6, channels, 20, 20, generator=torch.Generator().manual_seed(0))
    images = contrast * torch.tanh(2 * noise)
    pairs = [(a, b) for a in range(6) for b in range(6)]
    expected = skimage_negative_ssim(images.double().numpy(), pairs, max_val)
    assert metrics.negative_ssim(images.to(device), max_val) == pytest.approx(expected, abs=1e-4)
    assert metrics.negative_ssim(images.to(device)) == pytest.approx(metrics.negative_ssim(images), rel=1e-5)


def test_negative_ssim_of_decoded_images_with_flat_background():
    digits = data.to_float(data.load("mnist", "sample").test_images[::120])
    pairs = [(a, b) for a in range(len(digits)) for b in range(len(digits))]
    expected = skimage_negative_ssim(digits.double().numpy(), pairs)
    assert metrics.negative_ssim(digits) == pytest.approx(expected, abs=1e-4)


def test_negative_ssim_of_equal_images_is_zero():
    assert metrics.negative_ssim(torch.rand(1, 1, 16, 16).expand(5, 1, 16, 16)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("size", [(10, 20), (20, 10)])
def test_negative_ssim_needs_a_window(size):
    with pytest.raises(UserError, match=f"{size[0]} x {size[1]}"):
        metrics.negative_ssim(torch.zeros(2, 1, *size))


def test_an_image_of_one_window_is_large_enough():
    """Black and white: SSIM is c1 / (1 + c1) between the two, 1 of each with itself."""
    images = torch.stack([torch.zeros(1, 11, 11), torch.ones(1, 11, 11)])
    expected = (1 - 1e-4 / (1 + 1e-4)) / 4
    assert metrics.negative_ssim(images) == pytest.approx(expected, rel=1e-4)


def test_no_metric_keeps_a_graph(sample):
    built = model.build("mnist", prior.circle(), 0.25)

    def kept(_):
        raise AssertionError("a tensor is kept for a gradient")

    with torch.autograd.graph.saved_tensors_hooks(kept, kept):
        encoded = metrics.encode_all(built, sample.test_images, torch.Generator().manual_seed(0))
        metrics.classify_all(built, sample.test_images)
        metrics.predicted_class(built, encoded["z"])
        metrics.decode_all(built, encoded["z"])
        metrics.negative_ssim(torch.rand(2, 1, 12, 12, requires_grad=True))


def test_summary_means_are_exact_for_a_partial_last_batch(device, sample):
    built = model.build("mnist", prior.circle(), 0.25)
    there = copy.deepcopy(built).to(device)
    encoded = metrics.encode_all(there, sample.test_images, torch.Generator(device).manual_seed(0), batch=30)
    summary = metrics.summarize(encoded, sample.test_labels)
    with torch.no_grad():
        output = built.eval()(data.to_float(sample.test_images))
        expected = losses.kl_latent(output.log_weights, output.mean, output.log_variance, built.prior).mean().item()
    assert summary["kl_latent"] == pytest.approx(expected, rel=1e-4)
    assert summary["kl"] == pytest.approx(summary["kl_label"] + summary["kl_latent"])
    error = (output.log_weights.argmax(1) != sample.test_labels).float().mean().item()
    assert summary["error_pct"] == pytest.approx(100 * error)


def test_encoding_leaves_the_mode_as_it_was(sample):
    built = model.build("mnist", prior.circle(), 0.25).train()
    metrics.encode_all(built, sample.test_images, torch.Generator().manual_seed(0))
    metrics.classify_all(built, sample.test_images)
    assert built.training


def test_the_classifier_alone_says_what_it_says_in_the_whole_model(device, sample):
    built = model.build("mnist", prior.circle(), 0.25).to(device)
    encoded = metrics.encode_all(built, sample.test_images, torch.Generator(device).manual_seed(0))
    alone = metrics.classify_all(built, sample.test_images, batch=30)
    torch.testing.assert_close(alone["log_weights"].cpu(), encoded["log_weights"].cpu())
    whole, part = (metrics.summarize(each, sample.test_labels) for each in (encoded, alone))
    assert part == {"error_pct": whole["error_pct"]}


def test_center_error(device):
    p = prior.circle().to(device)
    labels = torch.arange(10)
    assert metrics.center_error_pct(p.means, labels, p) == 0
    assert metrics.center_error_pct(p.means.roll(1, 0), labels, p) == 100


def test_the_nearest_center_is_so_in_standard_deviations():
    """Near the second center, but many of its standard deviations away."""
    p = prior.GaussianMixturePrior(torch.tensor([[0.0], [3.0]]), torch.tensor([[4.0], [0.04]]))
    assert metrics.center_error_pct(torch.tensor([[2.0]]), torch.tensor([0]), p) == 0


def test_center_error_of_the_prior_is_the_share_beyond_the_bisectors():
    """Neighbours on the circle stand 4 deviations apart: each side is crossed with probability about Phi(-2)."""
    p, n = prior.circle(), 100_000
    labels = torch.arange(10).repeat(n // 10)
    floor = metrics.center_error_pct(p.sample(labels, torch.Generator().manual_seed(0)), labels, p)
    one_side = 0.5 * math.erfc(2 / math.sqrt(2))
    assert floor == pytest.approx(100 * 2 * one_side, abs=0.3)


def test_purity_separates_clusters_and_falls_to_chance_when_shuffled(device):
    labels = torch.arange(4).repeat(500)
    z = (100.0 * labels[:, None] + torch.randn(2000, 2, generator=torch.Generator().manual_seed(0))).to(device)
    assert metrics.purity_pct(z, labels) == 100
    shuffled = labels[torch.randperm(2000, generator=torch.Generator().manual_seed(1))]
    assert metrics.purity_pct(z, shuffled) == pytest.approx(25, abs=3)


def test_purity_does_not_count_the_point_itself():
    z, labels = torch.arange(12.0)[:, None], torch.arange(12)
    assert metrics.purity_pct(z, labels) == 0
    with pytest.raises(UserError, match="10 points are too few for 10 neighbours: give at least 11"):
        metrics.purity_pct(z[:10], labels[:10])


def test_purity_counts_ten_neighbours():
    """Of 11 points all others are neighbours: 5 of 10 are alike for each of six points, 4 of 10 for each of five."""
    z, labels = torch.arange(11.0)[:, None], torch.arange(11) % 2
    assert metrics.purity_pct(z, labels) == pytest.approx(100 * (6 * 0.5 + 5 * 0.4) / 11)


def test_purity_of_many_points_is_that_of_all_distances_at_once():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (2100,), generator=generator)
    z = labels[:, None] + torch.randn(2100, 2, generator=generator)
    distance = torch.cdist(z, z).fill_diagonal_(torch.inf)
    nearest = distance.topk(4, largest=False).indices
    expected = 100 * (labels[nearest] == labels[:, None]).double().mean().item()
    assert metrics.purity_pct(z, labels, neighbours=4) == pytest.approx(expected, abs=1e-3)


def test_predicted_class_is_the_classifiers(device):
    built = model.build("mnist", prior.circle(), 0.25)
    z = explain.grid(limit=4.0)
    with torch.no_grad():
        expected = built.eval().classify(built.decode(z)).argmax(1)
    assert len(expected.unique()) > 1
    there = copy.deepcopy(built).to(device)
    assert torch.equal(metrics.predicted_class(there, z.to(device), batch=7).cpu(), expected)


@given(st.permutations(range(4)), st.integers(0, 2**31))
def test_relabelling_forgives_any_renaming_of_clusters(device, permutation, seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 4, (50,), generator=generator)
    noisy = torch.where(torch.rand(50, generator=generator) < 0.2, (labels + 1) % 4, labels)
    renamed = torch.tensor(permutation)[noisy]
    error = metrics.relabelled_error_pct(renamed.to(device), labels, 4)
    assert error == pytest.approx(metrics.relabelled_error_pct(noisy, labels, 4))
    plain = min(
        100 * (torch.tensor(p)[renamed] != labels).double().mean().item() for p in itertools.permutations(range(4))
    )
    assert error == pytest.approx(plain)


def test_codes_from_the_prior_lie_as_the_prior_does(device):
    p = prior.one_hot(num_classes=3, latent_dim=4).to(device)
    labels = torch.arange(3, device=device).repeat_interleave(20_000)
    z = p.sample(labels, torch.Generator(device).manual_seed(0))
    distance, ratio = metrics.component_spread(z, labels, p)
    assert distance.max() < 0.03
    assert (ratio - 1).abs().max() < 0.03
    moved, narrow = metrics.component_spread(
        (z - p.means[labels]) / 2 + p.means[labels] + 3 * p.variances[labels].sqrt(), labels, p
    )
    torch.testing.assert_close(moved, torch.full((3,), 3.0), atol=0.03, rtol=0)
    torch.testing.assert_close(narrow, torch.full((3,), 0.25), atol=0.03, rtol=0)


@pytest.mark.parametrize(("codes", "known"), [(0, False), (1, False), (2, True)])
def test_a_component_of_fewer_than_two_codes_has_no_spread(device, codes, known):
    p = prior.line(4.0).to(device)
    component = torch.tensor([0] * 5 + [1] * codes).to(device)
    distance, ratio = metrics.component_spread(torch.randn(5 + codes, 2, device=device), component, p)
    assert distance.isnan().tolist() == ratio.isnan().tolist() == [False, not known]


def test_a_geometric_ratio_has_the_interval_of_its_logarithms(device):
    above, below = torch.tensor([2.0, 8.0, 32.0]).to(device), torch.tensor([1.0, 2.0, 4.0]).to(device)
    ratio, low, high = metrics.geometric_ratio(above, below)
    assert ratio == pytest.approx(4)
    half = stats.t.ppf(0.975, 2) * math.log(2) / math.sqrt(3)
    assert (low, high) == pytest.approx((4 * math.exp(-half), 4 * math.exp(half)))


def test_each_image_has_the_component_of_its_label(device):
    values = torch.arange(12.0).reshape(3, 2, 2).to(device)
    own = metrics.of_own_component(values, torch.tensor([1, 0, 1]))
    assert own.tolist() == [[2.0, 3.0], [4.0, 5.0], [10.0, 11.0]]
