import os
import random
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # one for each worker; PyTorch reads it when it is imported

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

# The shapes in the annotations of these modules are checked in every test.
install_import_hook(
    [f"exon.{name}" for name in ("prior", "losses", "model", "explain", "metrics")], "beartype.beartype"
)

import second_device  # noqa: E402, before the first backward pass
import torch  # noqa: E402
from tiny import TINY  # noqa: E402

from exon import data, train  # noqa: E402
from exon.experiment import Experiment  # noqa: E402

ROOT = Path(__file__).parents[1]

# `device` is one device for all examples of a test.
unreset = HealthCheck.function_scoped_fixture
settings.register_profile("exon", deadline=None, max_examples=25, suppress_health_check=[unreset])
settings.load_profile("exon")


MADE_ONCE = {"smoke", "uninterrupted", "small"}
"""Fixtures that take long: their tests run in one worker, so that no second one makes them again."""


SLOW = {
    "test_sweep",
    "test_notebook",
    "test_faults",
    "test_second_device",
    "test_explorer",
    "test_explorer_runs",
    "test_explorer_threshold",
    "test_browser",
    "test_book",
}
"""Files whose tests come first, in random order among themselves: else one worker ends with them while the others wait."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        for name in MADE_ONCE.intersection(item.fixturenames if isinstance(item, pytest.Function) else ()):
            item.add_marker(pytest.mark.xdist_group(name))
    result = yield
    items.sort(key=lambda item: item.path.stem not in SLOW)
    return result


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch, tmp_path_factory):
    """Tests run from the repository's root, with a work folder of their own and nobody's terminal.

    PyTorch draws what --randomly-seed says, as Python and NumPy do.
    """
    torch.manual_seed(random.getrandbits(32))
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("EXON_WORK", str(tmp_path_factory.mktemp("work")))
    monkeypatch.delenv("EXON_TERMINAL", raising=False)


@pytest.fixture(scope="session")
def sample():
    """A tenth of the embedded MNIST sample: 400 training and 100 test images, balanced."""
    full = data.load("mnist", "sample")
    train_index = torch.cat([torch.nonzero(full.train_labels == k)[:40, 0] for k in range(10)])
    test_index = torch.cat([torch.nonzero(full.test_labels == k)[:10, 0] for k in range(10)])
    return data.Dataset(
        "mnist",
        "sample",
        full.train_images[train_index],
        full.train_labels[train_index],
        full.test_images[test_index],
        full.test_labels[test_index],
        "test",
    )


@pytest.fixture(scope="session")
def whole():
    """The embedded MNIST sample: a hundred test images of each digit."""
    return data.load("mnist", "sample")


@pytest.fixture
def tiny():
    """An experiment that trains in a second."""
    return Experiment.create(**TINY)


@pytest.fixture(scope="session")
def fitted(sample):
    """The tiny experiment, trained."""
    return train.fit(Experiment.create(**TINY), sample)


@pytest.fixture(params=["cpu", "second"])
def device(request):
    """The CPU, then a second device that is as strict as CUDA."""
    if request.param == "cpu":
        yield torch.device("cpu")
    else:
        with second_device.active() as second:
            yield second
