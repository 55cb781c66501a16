import copy
import dataclasses
import json

import pytest
import second_device
import torch

from exon import data, devices, networks
from exon.errors import UserError
from exon.evaluation import judge
from exon.networks import fused


@pytest.fixture(scope="module")
def small():
    """A narrow judge of the embedded sample, trained in small steps, and the sample."""
    sample = data.load("mnist", "sample")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "BATCH", 32)
        return judge.fit(sample, epochs=4, width=0.25), sample


def test_the_judge_learns_the_digits(small):
    trained, sample = small
    assert judge.record_of(trained, sample, 0.25, 1)["test_error_pct"] < 15


def test_the_judge_is_a_function_of_its_seed():
    sample = data.load("mnist", "sample")
    few = data.Dataset("mnist", "sample", *(t[:256] for t in (sample.train_images, sample.train_labels)), *[None] * 3)
    a, b, c = (judge.fit(few, epochs=1, width=0.1, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(map(torch.equal, a.values(), b.values()))
    assert not torch.equal(a["head.0.weight"], c["head.0.weight"])


def test_a_second_device_gives_the_same_judge_and_the_same_verdicts(sample, fitted, monkeypatch):
    monkeypatch.setattr(fused, "applies", lambda *_: False)  # the way of every other device
    few = dataclasses.replace(sample, train_images=sample.train_images[::2], train_labels=sample.train_labels[::2])
    here = judge.fit(few, epochs=2, width=0.1)
    verdicts = [judge.generation_error_pct(here, fitted.model, torch.Generator().manual_seed(0), per_class=20)]
    with second_device.active() as second:
        monkeypatch.setattr(devices, "choose", lambda _: second)
        there = judge.fit(few, epochs=2, width=0.1)
        model = copy.deepcopy(fitted.model).to(second)
        verdicts.append(judge.generation_error_pct(there, model, torch.Generator(second).manual_seed(0), per_class=20))
        errors = [judge.error_pct(one, data.to_float(few.test_images), few.test_labels) for one in (here, there)]
    for name, weight in here.state_dict().items():
        torch.testing.assert_close(there.state_dict()[name].cpu(), weight, rtol=1e-5, atol=1e-5)
    assert verdicts[0] == verdicts[1]
    assert errors[0] == errors[1]


def test_generated_images_are_judged_against_the_class_they_were_drawn_for(small, fitted):
    trained, sample = small

    class Exact(torch.nn.Module):
        """Decodes every point to a real digit of the class whose center is nearest."""

        def forward(self, z):
            nearest = torch.cdist(z, fitted.model.prior.means).argmin(1)
            examples = torch.stack([sample.train_images[sample.train_labels == k][0] for k in range(10)])
            return data.to_float(examples[nearest])

    exact = type(fitted.model)(fitted.model.encoder, fitted.model.classifier, Exact(), fitted.model.prior)
    floor = judge.generation_error_pct(trained, exact, torch.Generator().manual_seed(0), per_class=100)
    untrained = judge.generation_error_pct(trained, fitted.model, torch.Generator().manual_seed(0), per_class=100)
    assert floor < 40
    assert untrained > 60


def test_a_stored_judge_is_read_back(small, tmp_path, monkeypatch):
    trained, sample = small
    monkeypatch.setattr(judge, "folder", lambda _: tmp_path)
    judge.save(trained, judge.record_of(trained, sample, 0.25, 1), tmp_path)
    again = judge.load("mnist")
    x = data.to_float(sample.test_images[:50])
    assert torch.equal(again(x), trained(x))
    assert not again.training
    assert json.loads((tmp_path / "judge.json").read_text())["epochs"] == judge.EPOCHS


def test_a_missing_judge_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(judge, "folder", lambda _: tmp_path)
    with pytest.raises(UserError, match="run `python -m exon judge mnist`"):
        judge.load("mnist")


def test_the_stored_judge_of_mnist_is_good():
    record = json.loads((judge.folder("mnist") / "judge.json").read_text())
    assert record["test_error_pct"] < 1
    assert isinstance(judge.load("mnist"), networks.Classifier)
