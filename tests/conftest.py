from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# The shapes in the annotations of these modules are checked in every test.
install_import_hook(
    [f"exon.{name}" for name in ("prior", "losses", "model", "explain", "metrics")], "beartype.beartype"
)

import torch  # noqa: E402

from exon import data, train  # noqa: E402
from exon.experiment import Experiment  # noqa: E402

ROOT = Path(__file__).parents[1]
TINY = {"profile": "smoke", "epochs": 2, "width": 0.25, "labels": 20, "validation": 100}

settings.register_profile("exon", deadline=None, max_examples=25)
settings.load_profile("exon")


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch, tmp_path_factory):
    """Tests run from the repository's root, with a work folder of their own and nobody's terminal."""
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


@pytest.fixture
def tiny():
    """An experiment that trains in a second."""
    return Experiment.create(**TINY)


@pytest.fixture(scope="session")
def fitted(sample):
    """The tiny experiment, trained."""
    return train.fit(Experiment.create(**TINY), sample)
