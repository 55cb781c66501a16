import dataclasses

import torch

from exon import data, devices
from exon.evaluation import judge
from exon.evaluation.judge import accuracy_score, supervised


def test_a_classifier_learns_the_labels_that_images_carry_and_no_others(monkeypatch):
    """Images of two plain colours: with their labels they teach all, with labels at random nothing."""
    generator = torch.Generator().manual_seed(1)

    def of(n):
        labels = torch.arange(n) % 2
        return 0.4 * torch.randn(n, 3, 32, 32, generator=generator) + (labels - 0.5)[:, None, None, None], labels

    (images, labels), (test_images, test_labels) = of(200), of(100)
    sample = data.load("cifar10", "sample")
    dataset = dataclasses.replace(sample, test_images=data.to_bytes(test_images), test_labels=test_labels)
    monkeypatch.setattr(accuracy_score, "SETTINGS", supervised.Settings(epochs=8, width=0.1, batch=25))
    shuffled = labels[torch.randperm(200, generator=generator)]
    numbers = accuracy_score.summarize(
        (images, shuffled), (images, 1 - labels), (images, labels), dataset, 1, torch.device("cpu")
    )
    assert list(numbers) == [f"accuracy_score_{name}_pct" for name in ("generated", "reconstructed", "real")]
    assert numbers["accuracy_score_real_pct"] > 95
    assert numbers["accuracy_score_reconstructed_pct"] < 5
    assert 5 <= numbers["accuracy_score_generated_pct"] <= 95


def test_the_classifier_is_on_the_device_of_the_model_whatever_else_is_here(device, monkeypatch):
    trained_on = []
    monkeypatch.setattr(devices, "choose", None)
    monkeypatch.setattr(
        judge, "error_pct", lambda network, *_: trained_on.append(next(network.parameters()).device) or 9
    )
    monkeypatch.setattr(accuracy_score, "SETTINGS", supervised.Settings(epochs=1, width=0.05, batch=10))
    cifar10 = data.load("cifar10", "sample")
    images, labels = data.to_float(cifar10.train_images[:20]).to(device), cifar10.train_labels[:20]
    assert accuracy_score.accuracy_score_pct(images, labels, cifar10, 1, device) == 91
    assert trained_on == [device]
