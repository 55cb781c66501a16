"""A small run to kill and to damage: a repository with one notebook, and its start, end and fingerprint.

The notebook takes the sample at profile smoke, two digits, a narrow network and four epochs, with a checkpoint after each.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import psutil

from exon.files import PART, write_text

ROOT = Path(__file__).resolve().parents[1]
WORK: dict[str, str] = {}
"""The work folder's environment variable, for runs elsewhere than in .work."""
PARAMETERS = """profile = "smoke"
classes = [0, 1]
prior = "circle"
beta = 1.0
labels = 20
validation = 100
width = 0.0625
epochs = 4
seed = 1
keep_weights = True
out = ""
"""
TRAINING = """from exon import data, record, train
from exon.experiment import Experiment
from exon.files import from_root
names = ("profile", "classes", "prior", "beta", "labels", "validation", "width", "epochs", "seed")
experiment = Experiment.create(**{name: globals()[name] for name in names})
dataset = data.select_classes(data.load("mnist", "sample"), experiment.classes)
train.CHECKPOINT_SECONDS = 0.0
fitted = train.fit(experiment, dataset, record.work_folder(from_root(out)) / "checkpoint.pt")
fitted.history[-1]["test_recon"]
"""
RECORD = """images = fitted.model.eval().decode(fitted.model.prior.means).detach()
numbers = {name: fitted.history[-1][name] for name in ("test_recon", "test_kl", "test_error_pct")}
record.save(from_root(out), experiment, dataset, fitted, numbers, keep_weights, arrays={"images": images})
numbers
"""
GRID = "notebook: small\nprofile: smoke\nruns:\n  - seed: [1, 2]\n"


def repository(folder: Path, record_cell: str = RECORD) -> Path:
    """A folder with links to the code, the small notebook and a grid of two runs of it."""
    for name in ("exon", "Snakefile"):
        (folder / name).symlink_to(ROOT / name)
    cells = [nbformat.v4.new_code_cell(source) for source in (PARAMETERS, TRAINING, record_cell)]
    cells[0].metadata["tags"] = ["parameters"]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    write_text(folder / "notebooks" / "small.ipynb", nbformat.writes(content))
    write_text(folder / "grid.yaml", GRID)
    return folder


def start(folder: Path, *arguments: str, file_size: int | None = None) -> "subprocess.Popen[str]":
    """`exon` in a repository, in a session of its own; `file_size` is the most bytes that it may write into one file."""
    environment = {name: value for name, value in os.environ.items() if name != "EXON_WORK"}
    return subprocess.Popen(
        [sys.executable, "-m", "exon", *arguments],
        cwd=folder,
        env=environment | WORK | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=None
        if file_size is None
        else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size)),
    )


def finish(folder: Path, *arguments: str) -> None:
    """Run to the end; AssertionError if it fails."""
    process = start(folder, *arguments)
    output = process.communicate()
    assert process.returncode == 0, output


def fingerprint(run: Path) -> dict[str, Any]:
    """All that a run folder holds, without times, memory and where it was run."""
    content = json.loads((run / "run.json").read_text())
    content["metrics"].pop("seconds")
    content["files"].pop("history.csv")
    content.pop("sha256")
    content["provenance"] = content["provenance"]["code_sha256"], content["provenance"].get("resumed")
    rest = {path.name: path.read_bytes() for path in run.iterdir() if path.name not in ("run.json", "history.csv")}
    return {
        "run.json": content,
        "history.csv": pd.read_csv(run / "history.csv").drop(columns="seconds").values.tolist(),
        **rest,
    }


def left_over(folder: Path) -> list[Path]:
    """Files that a finished run should have removed."""
    work = [path for path in (folder / ".work").rglob("*") if path.is_file() and path.suffix != ".log"]
    return work + list((folder / "results").rglob(f"{PART}*"))


def kill(process: "subprocess.Popen[str]", whom: str) -> None:
    """SIGKILL to the command and its kernel, to the command alone, or to the kernel alone."""
    try:
        command = psutil.Process(process.pid)
        below = command.children(recursive=True)
    except psutil.NoSuchProcess:
        below = []
    kernels = [child for child in below if child.is_running() and "ipykernel_launcher" in " ".join(_words(child))]
    others = [child for child in below if child not in kernels]
    if whom != "kernel" or not kernels:
        for pid in (process.pid, *(child.pid for child in others)):
            _send(pid)
    if whom != "command":
        for child in kernels:
            _send(child.pid)
    process.communicate()


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _send(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
