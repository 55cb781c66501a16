"""examples/minimal.py computes the package's own losses, and trains."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from exon import data, losses, model, prior, train
from exon.experiment import Experiment
from exon.networks import fused

PARTS = ("classifier", "encoder", "decoder")


@pytest.fixture(scope="module")
def minimal():
    spec = importlib.util.spec_from_file_location("minimal", Path("examples/minimal.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def both(minimal, monkeypatch):
    """The example's model and the package's, with the same weights and the same order of batch norm and pooling."""
    monkeypatch.setattr(fused, "applies", lambda x, norm: False)
    torch.manual_seed(0)
    example, package = minimal.EXoN(), model.build("mnist", prior.circle())
    for part in PARTS:
        weights = getattr(example, part).parameters()
        for weight, same in zip(weights, getattr(package, part).parameters(), strict=True):
            same.data.copy_(weight)
    return example.to(memory_format=torch.channels_last), package


def test_the_prior_is_the_papers_circle(minimal, both):
    example, package = both
    torch.testing.assert_close(example.mu, package.prior.means)
    assert torch.all(package.prior.variances == minimal.s2)


@pytest.mark.parametrize("lambda1", [6000.0, 0.0])  # at 0 nothing hides the gradient of the ELBO
def test_one_step_is_the_packages(minimal, both, sample, lambda1, monkeypatch):
    """The same terms, objective, gradients and moving averages, from the same weights, images and noise."""
    lambda2 = lambda1 / 3
    monkeypatch.setattr(minimal, "lambda1", lambda1)
    example, package = both
    labelled, unlabelled = torch.arange(0, 400, 13), torch.arange(1, 400, 4)
    experiment = Experiment.create(profile="smoke", lambda1=lambda1)
    idle = torch.optim.SGD(package.parameters(), lr=0.0)
    images = train.TrainingImages.of(sample, slice(None))
    step = train.make_step(experiment, package, (idle, idle), images)

    torch.manual_seed(3)
    expected = step(labelled, unlabelled, experiment.beta, lambda2)
    torch.manual_seed(3)
    x = data.to_float(sample.train_images)
    elbo_terms = example.elbo_terms(x[torch.cat([labelled, unlabelled])])
    label_terms = example.label_terms(x[labelled], images.targets[labelled], x[unlabelled])
    for name, term, same in zip(losses.Terms._fields, elbo_terms + label_terms, expected, strict=True):
        torch.testing.assert_close(term, same, rtol=1e-5, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")
    loss = minimal.objective(elbo_terms, label_terms, lambda2)
    same = losses.objective(expected, experiment.beta, experiment.lambda1, lambda2)
    torch.testing.assert_close(loss, same, rtol=1e-5, atol=0)

    loss.backward()
    for part in PARTS:
        gradient, same = (
            torch.cat([weight.grad.flatten() for weight in getattr(model, part).parameters()]) for model in both
        )
        assert (gradient - same).norm() < 1e-4 * same.norm()
    averages, same = (torch.cat([buffer for buffer in model.classifier.buffers() if buffer.ndim]) for model in both)
    torch.testing.assert_close(averages, same)


def test_every_weight_is_trained_and_the_errors_are_told(minimal, sample, capsys):
    small = replace(sample, train_images=sample.train_images[::2], train_labels=sample.train_labels[::2])
    torch.manual_seed(1)
    start = minimal.EXoN()
    torch.manual_seed(1)
    fitted = minimal.train(small, epochs=2)
    assert all((weight != first).any() for weight, first in zip(fitted.parameters(), start.parameters(), strict=True))
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["epoch 1", "epoch 2"]
    assert all(0 <= error <= 100 for error in minimal.errors(fitted, small))
