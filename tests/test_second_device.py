"""Notebooks, redrawing and the judge on a second device; the device itself."""

import jaxtyping
import matplotlib.pyplot as plt
import nbformat
import papermill
import pytest
import second_device
import torch

from exon import data, devices, experiment, train
from exon.evaluation import judge, scores, subspaces
from exon.evaluation.judge import accuracy_score, supervised
from exon.figures import plots
from exon.networks import fused
from exon.runs import cli, notebook, record

SECOND = second_device.DEVICE
NO_RATIO = "No ratio of changes can be given: for some image no dimension is activated, or every one is.\n"
NO_CONTROL = (
    f"No ratio can be given for {', '.join(subspaces.NAMES)}: no dimension is chosen, or the others change nothing.\n"
)


@pytest.fixture
def second():
    with second_device.active() as device:
        yield device


@pytest.mark.parametrize(
    "mistake",
    [
        lambda x: x + torch.ones(3),
        lambda x: torch.cat([x, torch.ones(3)]),
        lambda x: torch.ones(()).add_(x.sum()),
        lambda x: torch.arange(3)[x.argsort()],
        lambda x: torch.randn(3, device=SECOND, generator=torch.Generator()),
        lambda x: torch.randn(3, generator=torch.Generator(SECOND)),
        lambda x: x.normal_(generator=torch.Generator()),
        lambda x: x.numpy(),
        lambda x: plt.plot(x),
        lambda x: x.double(),
    ],
)
def test_what_fails_on_a_gpu_fails_on_the_second_device(second, mistake):
    with pytest.raises((RuntimeError, TypeError), match=r"device|generator|numpy|float64"):
        mistake(torch.ones(3, device=second))


def test_what_a_gpu_allows_the_second_device_allows(second):
    x = torch.arange(3.0, device=second)
    assert (x + torch.tensor(1.0)).tolist() == [1, 2, 3]
    assert x[torch.tensor([2, 0])].tolist() == [2, 0]
    assert x.sum().item() == 3
    assert x.cpu().double().numpy().sum() == 3
    x[1:] = 7.0
    assert x.tolist() == [0, 7, 7]
    drawn = [torch.randn(3, device=d, generator=torch.Generator(d).manual_seed(1)) for d in (second, "cpu")]
    assert torch.equal(drawn[0].cpu(), drawn[1])


@pytest.mark.parametrize(
    ("waits", "operation"),
    [
        ("boolean mask", lambda x, z: x[x > 0]),
        ("boolean mask", lambda x, z: x[None, x > 0]),
        ("boolean mask", lambda x, z: z.__setitem__(z > 0, 1)),
        ("boolean mask", lambda x, z: z.index_put((z > 0,), x.sum())),
        ("masked_select", lambda x, z: x.masked_select(x > 0)),
        ("nonzero", lambda x, z: torch.where(x > 0)),
        ("repeat_interleave", lambda x, z: x.repeat_interleave(x.long())),
        ("bincount", lambda x, z: x.long().bincount()),
        ("_unique2", lambda x, z: x.unique()),
        ("unique_dim", lambda x, z: x.unique(dim=0)),
        ("unique_consecutive", lambda x, z: x.unique_consecutive()),
        ("equal", lambda x, z: torch.equal(x, z)),
        ("allclose", lambda x, z: torch.allclose(x, z)),
        ("_local_scalar_dense", lambda x, z: bool(x.sum() > 0)),
        (None, lambda x, z: x[x.argsort()]),
        (None, lambda x, z: z.__setitem__(x.argsort(), x)),
        (None, lambda x, z: torch.where(x > 0, x, z)),
        (None, lambda x, z: z.masked_fill_(z > 0, 1.0)),
        (None, lambda x, z: x.repeat_interleave(2)),
    ],
)
def test_the_second_device_counts_what_a_gpu_makes_the_cpu_wait_for(second, waits, operation):
    x, z = (torch.arange(3.0).to(second) for _ in range(2))
    second_device.operations.clear()
    operation(x, z)
    assert second_device.operations.keys() & second_device.WAITS == ({waits} if waits else set())


def test_an_index_of_the_cpu_is_counted_as_the_copy_that_a_gpu_makes_of_it(second):
    x = torch.arange(3.0, device=second)
    second_device.operations.clear()
    x[torch.tensor([2, 0])]
    assert second_device.operations["copy between devices"] == 1
    x[torch.tensor([2, 0]).to(second)]
    assert second_device.operations["copy between devices"] == 2  # that of .to(second) alone


def test_the_training_of_the_cifar10_judge_waits_as_often_for_many_steps_as_for_one(second):
    images = data.load("cifar10", "sample").train_images[:40]
    counts = []
    for batch in (40, 40, 10):  # the first one also fills the table of softenings
        second_device.operations.clear()
        supervised.fit(
            supervised.Settings(1, width=0.03, softened=0.5, batch=batch), images, torch.arange(40) % 10, second
        )
        counts.append(dict(second_device.operations))
    _, one, four = ({name: c.get(name, 0) for name in ("copy between devices", *second_device.WAITS)} for c in counts)
    assert counts[2]["convolution_backward"] > counts[1]["convolution_backward"]
    assert one == four


class TinyInception(torch.nn.Module):
    """1,000 logits from the mean colour of an image; in place of InceptionV3."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.linspace(-3, 3, 3000).reshape(3, 1000))

    def forward(self, images):
        return images.mean((2, 3)) @ self.weight


class Runs:
    """Runs of notebooks in this process, on the small sample, on a device of choice."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.namespace = {}

    def execute(self, source, executed, parameters, **_):
        """What papermill does, without a kernel: every code cell, the parameters after their cell."""
        content = nbformat.read(source, as_version=4)
        self.namespace.clear()
        self.cells = {cell.id: cell.source for cell in content.cells if cell.cell_type == "code"}
        for name in self.cells:
            self.cell(name)
            if name == "parameters":
                self.namespace.update(parameters)
        nbformat.write(content, executed)

    def cell(self, name):
        exec(compile(self.cells[name], name, "exec"), self.namespace)
        plt.close("all")

    def out(self, name, device):
        return self.folder / device / name / "run"

    def metrics(self, name, device):
        content = record.read(self.out(name, device))
        assert content["provenance"]["device"] == device
        return {key: value for key, value in content["metrics"].items() if key != "seconds"}

    def all_on(self, device, name, parameters):
        """The judge, the notebook and, where it keeps its weights, the notebook again with these; the metrics."""
        self.monkeypatch.setattr(devices, "choose", lambda _: torch.device(device))
        cli.judge("cifar10" if name == "cifar10" else "mnist", width=0.03)
        notebook.run(name, {"profile": "smoke", "epochs": 1, **parameters}, self.out(name, device))
        first = self.metrics(name, device)
        if device == "second" and parameters.get("keep_weights"):
            with self.monkeypatch.context() as patch:
                patch.setattr(train, "train_epoch", None)
                cli.redraw(self.out(name, device))
            assert self.metrics(name, device) == first
        return first


@pytest.fixture
def runs(tmp_path, monkeypatch, sample):
    cifar10 = data.load("cifar10", "sample")
    few = {name: getattr(cifar10, name)[: 100 if "test" in name else 400] for name in vars(sample) if "_" in name}
    small = {"mnist": sample, "cifar10": data.Dataset("cifar10", "sample", **few, sha256="test")}
    monkeypatch.setattr(data, "load", lambda name, *_: small[name])
    monkeypatch.setitem(experiment.SAMPLE, "mnist", {"validation": 40})
    monkeypatch.setitem(experiment.SAMPLE, "cifar10", {"labels": 50, "validation": 50})
    monkeypatch.setattr(judge, "folder", lambda name: tmp_path / "judge" / name)
    monkeypatch.setattr(judge, "CIFAR10_EPOCHS", 2)
    monkeypatch.setattr(scores, "inception", lambda path: TinyInception())
    monkeypatch.setattr(accuracy_score, "SETTINGS", supervised.Settings(epochs=1, width=0.03))
    monkeypatch.setattr(plots, "use_style", lambda: None)
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # it refuses an integer where a float is meant
    monkeypatch.setattr(fused, "applies", lambda *_: False)  # the way of every other device
    made = Runs(tmp_path, monkeypatch)
    monkeypatch.setattr(papermill, "execute_notebook", made.execute)
    return made


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("mnist", {"width": 0.1, "keep_weights": True}),
        ("prior_design", {"width": 0.1, "keep_weights": True}),
        ("ablation", {"width": 0.1, "use_sci": True, "keep_weights": True}),
        ("ablation", {"width": 0.1, "use_elbo": False}),
        ("cifar10", {"keep_weights": True, "accuracy_score": True, "inception_weights": "a path"}),
    ],
)
def test_every_notebook_gives_on_the_second_device_what_it_gives_on_the_cpu(name, parameters, runs, capsys):
    here = runs.all_on("cpu", name, parameters)
    with second_device.active():
        there = runs.all_on("second", name, parameters)
        assert runs.namespace["fitted"].origin["device"] == "second"
        if name == "cifar10":
            asked = record.read(runs.out(name, "second"))["parameters"]
            assert asked == {"keep_weights": True, "accuracy_score": True, "inception_weights": "a path"}
            assert "inception_score" in there
            for everything in (False, True):
                runs.namespace["active"] = torch.full_like(runs.namespace["active"], everything)
                capsys.readouterr()
                runs.cell("perturb")
                assert capsys.readouterr().out == NO_RATIO
                runs.namespace["v_nat"] = torch.full_like(runs.namespace["v_nat"], 1000.0 * everything)
                runs.cell("controls")
                assert capsys.readouterr().out == NO_CONTROL
                assert runs.namespace["controls"] == {}
    assert there == pytest.approx(here, rel=1e-5, abs=1e-5)
