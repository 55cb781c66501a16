import copy
import dataclasses
import hashlib
import json

import pytest
import second_device
import torch
from stopped_judge import stopped_in_the_last_epoch

from exon import data, devices, files, networks
from exon.errors import UserError
from exon.evaluation import judge
from exon.evaluation.judge import soften, supervised
from exon.experiment import Experiment, derive_seed
from exon.networks import fused
from exon.runs import provenance, record


@pytest.fixture(scope="module")
def small():
    """A narrow judge of the embedded sample, trained in small steps, and the sample."""
    sample = data.load("mnist", "sample")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "BATCH", 32)
        return judge.fit(sample, epochs=4, width=0.25), sample


def test_the_judge_learns_the_digits(small):
    trained, sample = small
    assert judge.error_pct(trained, data.to_float(sample.test_images), sample.test_labels) < 15


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
    judge.save(trained, {"width": 0.25}, tmp_path)
    again = judge.load("mnist")
    x = data.to_float(sample.test_images[:50])
    assert torch.equal(again(x), trained(x))
    assert not again.training


def test_weights_that_the_record_does_not_name_are_refused(small, tmp_path, monkeypatch):
    """As they lie after an interruption between the weights of a new judge and its record."""
    monkeypatch.setattr(judge, "folder", lambda _: tmp_path)
    judge.save(small[0], {"width": 0.25}, tmp_path)
    record_of_first = (tmp_path / "judge.json").read_text()
    other = copy.deepcopy(small[0])
    torch.nn.init.zeros_(next(other.parameters()))
    judge.save(other, {"width": 0.25}, tmp_path)
    (tmp_path / "judge.json").write_text(record_of_first)
    with pytest.raises(UserError, match="holds other weights than its record names: run `python -m exon judge mnist`"):
        judge.load("mnist")
    (tmp_path / "judge.json").write_text('{"width": 0.25}')  # older records name none
    assert torch.equal(next(judge.load("mnist").parameters()), next(other.parameters()))


def test_a_missing_judge_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(judge, "folder", lambda _: tmp_path)
    with pytest.raises(UserError, match="run `python -m exon judge mnist`"):
        judge.load("mnist")


def test_the_stored_judge_of_mnist_is_good():
    record = json.loads((judge.folder("mnist") / "judge.json").read_text())
    assert record["test_error_pct"] < 1
    assert isinstance(judge.load("mnist"), networks.Classifier)


@pytest.fixture
def cifar10(tmp_path, monkeypatch):
    """The embedded sample, and a judge of it that trains in seconds and is kept in tmp_path."""
    monkeypatch.setattr(judge, "folder", lambda _: tmp_path / "judge")
    monkeypatch.setattr(judge, "CIFAR10_EPOCHS", 2)
    return data.load("cifar10", "sample")


def test_the_judge_of_cifar10_is_kept_with_its_errors_on_sharp_and_soft_images(cifar10):
    content = judge.make(cifar10, width=0.25)
    stored = json.loads((judge.folder("cifar10") / "judge.json").read_text())
    assert {name: stored[name] for name in content} == content
    assert stored["provenance"]["data"]["source"] == "sample"
    assert content["training_images"] == 800 - 200
    again, x = judge.load("cifar10"), data.to_float(cifar10.test_images)
    assert judge.error_pct(again, x, cifar10.test_labels) == content["test_error_pct"]
    blurred = soften.apply(x, soften.blur(1.5))
    assert judge.error_pct(again, blurred, cifar10.test_labels) == content["blurred_error_pct"]["1.5"]
    assert content["resampled_error_pct"].keys() == {"24", "20", "16", "12", "8"}
    assert [row["epoch"] for row in content["history"]] == [1, 2]
    assert (judge.folder("cifar10") / "model.safetensors").stat().st_size < 200_000
    sha256 = hashlib.sha256((judge.folder("cifar10") / "model.safetensors").read_bytes()).hexdigest()
    assert judge.identity("cifar10") == sha256


def test_the_judge_never_sees_the_validation_images_of_the_experiments(cifar10):
    (images, labels), (validation, _) = judge._without_validation(cifar10)
    e = Experiment.create(dataset="cifar10", profile="smoke")
    own = data.split(cifar10.train_labels, e.labels, e.validation, derive_seed(e.split_seed, "split"))
    assert torch.equal(validation, cifar10.train_images[own.validation])
    seen = {image.numpy().tobytes() for image in images}
    assert len(images) == len(labels) == 600
    assert not seen & {image.numpy().tobytes() for image in validation}


def test_a_stopped_training_goes_on_and_leaves_no_checkpoint(cifar10, monkeypatch):
    path = record.work_folder(judge.folder("cifar10")) / "checkpoint.pt"
    with monkeypatch.context() as patch:
        patch.setattr(judge, "save", None)
        with pytest.raises(TypeError):
            judge.make(cifar10, width=0.05)
    assert path.exists()
    monkeypatch.setattr(supervised, "_epoch", None)
    assert judge.make(cifar10, width=0.05)["epochs"] == 2
    assert not path.exists()


def test_two_at_once_are_refused(cifar10):
    path = judge.folder("cifar10")
    with files.alone(path, path), pytest.raises(UserError, match=r"^Another process is at work on .*judge: wait"):
        judge.make(cifar10, width=0.05)


def test_too_little_memory_says_what_to_lower(cifar10, monkeypatch):
    def lack(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(supervised, "fit", lack)
    with pytest.raises(UserError, match=r"^The memory is too small for width = 0\.05: give a smaller width\.$"):
        judge.make(cifar10, width=0.05)


def test_code_that_changed_in_the_middle_is_said_and_recorded(cifar10, monkeypatch, capsys):
    with stopped_in_the_last_epoch():
        judge.make(cifar10, width=0.05)
    monkeypatch.setattr(provenance, "_code_sha256", lambda: "another")
    (note,) = judge.make(cifar10, width=0.05)["provenance"]["resumed"]
    assert note["code_sha256"] == "another"
    assert "After epoch 1 of 2 this run goes on with another code than before" in capsys.readouterr().err
