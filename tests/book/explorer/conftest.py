"""The explorers with a few runs, made up with random weights, and the stored CIFAR-10 run; without the book around them."""

import json
import re
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch
from exon_book.explorer import cifar10, mnist
from exon_book.explorer.packing import write_script

from exon import model
from exon.runs import checkpoint, grid

VALIDATION = {(0.1, 1): 4.0, (0.1, 2): 3.5, (0.1, 3): 3.0, (1.0, 1): 3.0, (5.0, 1): 3.0, (5.0, 3): 4.0}
"""beta, seed -> validation error of the runs with weights: at beta 0.1 seed 2 has the median, at beta 5 seed 1 is the lowest."""
CIFAR10_GRIDS = "cifar10_day cifar10/beta-0.1_*"
"""The stored run that the explorer shows, and where a second one belongs."""


def make_up(run, root, weights=True):
    """A run's folder below root, as if it had been trained."""
    experiment, folder = run.experiment, root / run.folder
    generator = torch.Generator().manual_seed(experiment.seed + round(100 * experiment.beta))
    number = experiment.seed + experiment.beta
    metrics = {"test_error_pct": number, "placement_error_pct": number / 2, "v_nat": -number, "cardinality_mean": 2.0}
    if experiment.seed != 3:
        metrics |= {f"v_nat_{k}_{d}": (k + d) / number for k in range(10) for d in (1, 2)}
    if experiment.seed == 1:
        del metrics["placement_error_pct"]
    metrics["validation_error_pct"] = VALIDATION.get((experiment.beta, experiment.seed), 1.0)
    content = {"experiment": experiment.model_dump(mode="json"), "metrics": metrics, "provenance": {}}
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(content))
    arrays = {"z": 6 * torch.randn(300, 2, generator=generator), "labels": torch.arange(300).to(torch.uint8) % 10}
    safetensors.torch.save_file(arrays, folder / "arrays.safetensors")
    if weights:
        network = model.build("mnist", experiment.build_prior(), experiment.width, generator)
        (folder / "model.safetensors").write_bytes(checkpoint.as_safetensors(network.state_dict()))


def make_up_cifar10(root):
    """The stored CIFAR-10 run below root, and beside it one at beta 0.1: random weights, half the V-nat."""
    runs = {run.experiment.beta: run for run in grid.select(CIFAR10_GRIDS)}
    stored, made_up = runs[0.05].folder, root / runs[0.1].folder
    for target in (root / stored, made_up):
        shutil.copytree(stored, target, ignore=shutil.ignore_patterns("run.ipynb"))
    content = json.loads((made_up / "run.json").read_text())
    content.pop("sha256", None)
    content.pop("files", None)
    experiment = runs[0.1].experiment
    content["experiment"] = experiment.model_dump(mode="json")
    (made_up / "run.json").write_text(json.dumps(content))
    network = model.build("cifar10", experiment.build_prior(), experiment.width, torch.Generator().manual_seed(1))
    (made_up / "model.safetensors").write_bytes(checkpoint.as_safetensors(network.state_dict()))
    arrays = safetensors.torch.load_file(made_up / "arrays.safetensors")
    safetensors.torch.save_file(arrays | {"v_nat": arrays["v_nat"] / 2}, made_up / "arrays.safetensors")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Name -> content of the files of both explorers.

    Beside the runs above there are some of other splits, and one without weights.
    """
    root = tmp_path_factory.mktemp("runs")
    for run in grid.select(mnist.GRIDS):
        key = run.experiment.beta, run.experiment.seed
        if key in VALIDATION or key == (1.0, 2):
            make_up(run, root, weights=key in VALIDATION)
    make_up_cifar10(root)
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(cifar10, "GRIDS", CIFAR10_GRIDS)
        return dict([*mnist.files(root), *cifar10.files(root)])


@pytest.fixture(scope="module")
def folder(files, tmp_path_factory):
    """The two explorers alone, without the book around them."""
    site = tmp_path_factory.mktemp("explorers")
    (site / "_static").symlink_to(Path("book/_static").resolve())
    (site / "book").mkdir()
    for name, content in files.items():
        write_script(site / "explorer", name, content)
    for name in ("explore", "explore-cifar10"):
        block = re.search(r"```\{raw\} html\n(.*?)```", Path(f"book/{name}.md").read_text(), re.DOTALL)[1]
        head = '<meta charset="utf-8"><link rel="icon" href="data:,">'
        (site / "book" / f"{name}.html").write_text(f'<!doctype html><html lang="en"><head>{head}</head>{block}</html>')
    return site


@pytest.fixture(params=["http", "file"])
def start(request, folder, serve, open_page):
    """Open an explorer, from a server and as a file; afterwards, that nothing went wrong."""
    base = serve(folder) if request.param == "http" else f"{folder.as_uri()}/"
    wrong = []

    def opened(path):
        page, *noted = open_page(f"book/{path}", base)
        wrong.extend(noted)
        page.wait_for_selector("[data-ready=true]")
        return page

    yield opened
    assert [*filter(None, wrong)] == []
