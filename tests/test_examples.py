"""examples/minimal.py computes the package's own losses, and trains."""

import importlib.util
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from exon import data, losses, model, prior, train
from exon.experiment import Experiment


@pytest.fixture(scope="module")
def minimal():
    spec = importlib.util.spec_from_file_location("minimal", Path("examples/minimal.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def both(minimal):
    """The example's model and the package's, with the same weights."""
    example, package = minimal.EXoN(), model.build("mnist", prior.circle())
    for part in ("classifier", "encoder", "decoder"):
        weights = getattr(example, part).parameters()
        for weight, same in zip(weights, getattr(package, part).parameters(), strict=True):
            same.data.copy_(weight)
    return example, package


def test_the_prior_is_the_papers_circle(both):
    example, package = both
    torch.testing.assert_close(example.mu, package.prior.means)
    assert torch.all(package.prior.variances == example.s2)


def test_terms_objective_and_gradients_are_the_packages(minimal, both, sample):
    example, package = both
    experiment = Experiment.create(profile="smoke")
    indices = torch.arange(0, 400, 13), torch.arange(1, 400, 4)
    labels = F.one_hot(sample.train_labels, 10).float()
    images = train.TrainingImages(sample.train_images, labels, sample.train_images)
    idle = torch.optim.SGD(package.parameters(), lr=0.0)
    step = train.make_step(experiment, package, (idle, idle), images)
    for lambda2 in (0.0, 2000.0):
        torch.manual_seed(3)
        expected = step(*indices, experiment.beta, lambda2)
        torch.manual_seed(3)
        x_labelled, x_unlabelled = (data.to_float(sample.train_images[index]) for index in indices)
        terms = example.terms(x_labelled, labels[indices[0]], x_unlabelled)
        for name, term, same in zip(losses.Terms._fields, terms, expected, strict=True):
            torch.testing.assert_close(term, same, rtol=1e-4, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}")
        loss = minimal.objective(terms, lambda2)
        same = losses.objective(expected, experiment.beta, experiment.lambda1, lambda2)
        torch.testing.assert_close(loss, same, rtol=1e-4, atol=0)
        example.zero_grad()
        loss.backward()
        for weight, same in zip(example.classifier.parameters(), package.classifier.parameters(), strict=True):
            scale = same.grad.abs().max().item()
            torch.testing.assert_close(weight.grad, same.grad, rtol=0, atol=1e-3 * scale + 1e-2)


def test_moving_averages_move_as_the_packages(both, sample):
    example, package = both
    labels = F.one_hot(sample.train_labels, 10).float()
    images = train.TrainingImages(sample.train_images, labels, sample.train_images)
    idle = torch.optim.SGD(package.parameters(), lr=0.0)
    torch.manual_seed(5)
    train.make_step(Experiment.create(profile="smoke"), package, (idle, idle), images)(
        torch.arange(32), torch.arange(96), 1.0, 0.0
    )
    torch.manual_seed(5)
    x = data.to_float(sample.train_images[:96])
    example.terms(x[:32], labels[:32], x)
    for buffer, same in zip(example.classifier.buffers(), package.classifier.buffers(), strict=True):
        torch.testing.assert_close(buffer, same, rtol=1e-4, atol=1e-5)


def test_it_trains(minimal, sample, capsys):
    torch.manual_seed(1)
    fitted = minimal.train(sample, epochs=2)
    assert fitted.training
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["epoch 1", "epoch 2"]
    assert all(0 <= error <= 100 for error in minimal.errors(fitted, sample))
