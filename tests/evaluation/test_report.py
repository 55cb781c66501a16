import pytest
import torch

from exon import explain, metrics
from exon.evaluation import judge, report
from exon.experiment import Experiment


def test_what_codes_say_is_named_and_measured_on_the_test_images(fitted, whole):
    generator = torch.Generator().manual_seed(0)
    encoded = metrics.encode_all(fitted.model, whole.test_images, generator)
    numbers = report.of_codes(fitted, whole, encoded)
    prior = fitted.model.prior
    v_nat = explain.v_nat(encoded["log_variance"], whole.test_labels, prior)
    assert numbers["test_error_pct"] == metrics.summarize(encoded, whole.test_labels)["error_pct"]
    assert numbers["validation_error_pct"] == fitted.history[-1]["validation_error_pct"]
    assert numbers["center_error_pct"] == metrics.center_error_pct(encoded["z"], whole.test_labels, prior)
    active = explain.activated(v_nat).sum(1).float().mean().item()
    assert numbers["cardinality_mean"] == active == pytest.approx(numbers["cardinality_at_1"])
    assert {
        "placement_error_pct",
        "label_uncertainty_pct",
        "active_units",
        "purity_pct",
        "trait_slant",
    } <= numbers.keys()


def test_a_classifier_alone_is_reported_without_the_other_networks(fitted, whole):
    alone = metrics.classify_all(fitted.model, whole.test_images)
    encoded = metrics.encode_all(fitted.model, whole.test_images, torch.Generator().manual_seed(0))
    numbers = report.of_classifier(fitted, whole, alone)
    assert numbers.keys() == {"test_error_pct", "validation_error_pct", "label_uncertainty_pct"}
    assert numbers.items() <= report.of_codes(fitted, whole, encoded).items()


def test_draws_are_those_of_the_seed_and_the_generator(fitted, whole):
    experiment = Experiment.create(profile="smoke")
    numbers = report.of_draws(experiment, fitted, whole, torch.Generator().manual_seed(1))
    again = judge.generation_error_pct(judge.load("mnist"), fitted.model, torch.Generator().manual_seed(1))
    assert numbers["generation_error_pct"] == again
    assert 0 < numbers["center_error_floor_pct"] < 10
    assert numbers["judge_error_pct"] < 5
