import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from exon import explain, losses, metrics, prior
from exon.evaluation import latent


def encoded(n=60, k=10, seed=0, p=None):
    p = p or prior.circle(k)
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    return {
        "log_weights": draw(n, k).log_softmax(1),
        "mean": p.means + 3 * draw(n, k, p.latent_dim),
        "log_variance": draw(n, k, p.latent_dim),
    }, p


def test_placement_looks_at_the_component_of_the_true_label():
    p = prior.circle()
    labels = torch.arange(10)
    mean = p.means.expand(10, 10, 2).clone()
    assert latent.placement_error_pct(mean, labels, p) == 0
    mean[3, 4] = p.means[7]  # another component of that image: no matter
    assert latent.placement_error_pct(mean, labels, p) == 0
    mean[3, 3] = p.means[7]
    assert latent.placement_error_pct(mean, labels, p) == pytest.approx(10)


def test_uncertainty_is_the_share_of_draws_from_another_component():
    (parts, _), labels = encoded(n=200), torch.arange(200) % 10
    drawn = torch.distributions.Categorical(logits=parts["log_weights"]).sample((2000,))
    share = 100 * (drawn != labels).double().mean().item()
    assert latent.label_uncertainty_pct(parts["log_weights"], labels) == pytest.approx(share, abs=0.5)


@given(st.integers(0, 1000))
def test_kl_by_dimension_adds_up_to_the_kl(seed):
    parts, p = encoded(seed=seed, p=prior.one_hot(10, 16))
    by_dimension = latent.kl_by_dimension(**parts, prior=p)
    assert (by_dimension >= 0).all()
    torch.testing.assert_close(by_dimension.sum(), losses.kl_latent(**parts, prior=p).mean(), rtol=1e-4, atol=1e-4)


def test_a_dimension_whose_mean_stands_still_is_not_active():
    parts, _ = encoded(n=500, p=prior.one_hot(10, 12))
    parts["mean"][..., 5:] = 0.7
    assert latent.active_units(parts["log_weights"], parts["mean"]) == 5
    assert latent.active_units(parts["log_weights"], parts["mean"], threshold=math.inf) == 0


def test_the_rank_correlation_is_spearmans():
    a, b = torch.randn(2, 40, generator=torch.Generator().manual_seed(1))
    ranks = torch.stack([a.argsort().argsort(), b.argsort().argsort()]).double()
    assert latent.rank_correlation(a, b) == pytest.approx(torch.corrcoef(ranks)[0, 1].item())
    assert latent.rank_correlation(a, a.exp()) == pytest.approx(1)


def test_cardinality_falls_with_the_threshold():
    v_nat = 3 * torch.rand(10, 50, generator=torch.Generator().manual_seed(2))
    counts = latent.cardinalities(v_nat)
    assert list(counts) == list(latent.THRESHOLDS)
    assert list(counts.values()) == sorted(counts.values(), reverse=True)
    assert counts[1.0] == explain.activated(v_nat).sum(1).double().mean().item()


def test_baselines_of_two_distant_classes_and_of_noise():
    generator = torch.Generator().manual_seed(3)
    labels = torch.arange(200) % 2
    apart = (torch.randint(0, 20, (200, 1, 4, 4), generator=generator) + 200 * labels[:, None, None, None]).byte()
    numbers = latent.without_model(apart, labels)
    assert numbers["purity_pixels_pct"] == numbers["purity_components_pct"] == 100
    assert numbers["purity_chance_pct"] == pytest.approx(100 * 99 / 199)
    noise = torch.randint(0, 256, (200, 1, 4, 4), generator=generator).byte()
    assert latent.without_model(noise, labels)["purity_pixels_pct"] == pytest.approx(50, abs=6)


def test_the_components_are_the_principal_ones():
    generator = torch.Generator().manual_seed(4)
    images = torch.randint(0, 256, (300, 1, 5, 5), generator=generator).byte()
    labels = torch.arange(300) % 3
    pixels = images.flatten(1).double() / 255
    u, s, _ = torch.linalg.svd(pixels - pixels.mean(0), full_matrices=False)
    expected = metrics.purity_pct((u * s)[:, :2].float(), labels)
    assert latent.without_model(images, labels)["purity_components_pct"] == pytest.approx(expected, abs=0.1)


def test_the_summary_holds_a_correlation_only_beyond_two_dimensions():
    labels = torch.arange(60) % 10
    parts, p = encoded(p=prior.one_hot(10, 16))
    v_nat = explain.v_nat(parts["log_variance"], labels, p)
    numbers = latent.summarize(parts, labels, p, v_nat)
    kl = latent.kl_by_dimension(**parts, prior=p)
    assert numbers["v_nat_kl_correlation"] == pytest.approx(stats.spearmanr(v_nat.mean(0), kl).statistic)
    assert numbers["cardinality_at_1"] == explain.activated(v_nat).sum(1).double().mean().item()
    parts, p = encoded()
    plane = latent.summarize(parts, labels, p, explain.v_nat(parts["log_variance"], labels, p))
    assert "v_nat_kl_correlation" not in plane
    assert {"placement_error_pct", "label_uncertainty_pct", "active_units", "cardinality_at_0.25"} <= plane.keys()
