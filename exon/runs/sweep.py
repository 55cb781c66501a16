"""Running a grid: Snakemake does the work, one job for each run; this adds the plan and the options."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from exon.errors import UserError
from exon.experiment import Experiment
from exon.files import alone, from_root
from exon.runs import grid, record

if TYPE_CHECKING:
    import pandas as pd


def plan(runs: list[grid.Run]) -> "pd.DataFrame":
    """What is done and what is left of a grid: one row for each run.

    Columns: run; state ("done", "epoch 3 of 20" from its checkpoint, or "to do"); minutes left on one thread and megabytes,
    measured on stored runs with the same data, width, batch and SCI, and of the same notebook; NaN where there are none.
    """
    import pandas as pd

    paces: dict[tuple[object, ...], list[float]] = {}
    sizes: dict[str, list[float]] = {}
    for path in from_root("results").glob("*/*/*/run.json"):
        paces.setdefault(_key(record.experiment_of(path.parent)), []).append(_pace(path.parent))
        size = sum(file.stat().st_size for file in path.parent.iterdir()) / 1e6
        sizes.setdefault(path.parent.parent.name, []).append(size)
    rows = []
    for run in runs:
        epochs = run.experiment.epochs
        finished = epochs if run.done else _finished_epochs(run)
        state = "done" if run.done else f"epoch {finished} of {epochs}" if finished else "to do"
        pace = pd.Series(paces.get(_key(run.experiment)), dtype=float).median()
        minutes = 0.0 if run.done else (epochs - finished) * pace
        megabytes = 0.0 if run.done else pd.Series(sizes.get(run.notebook), dtype=float).median()
        rows.append({"run": run.folder.as_posix(), "state": state, "minutes": minutes, "megabytes": megabytes})
    return pd.DataFrame(rows)


def run(name: str, profile: str | None, jobs: int, executor: str, book: bool) -> int:
    """Run what is left of a grid; returns Snakemake's exit code, not 0 if a run failed.

    Finished runs stay, an interrupted one goes on from its checkpoint, and a failed one does not stop the others: its
    log is shown.

    Args:
        jobs: how many runs at a time.
        executor: "local", or "slurm" for the cluster that profiles/slurm describes.

    Raises:
        UserError: Snakemake is not installed, the executor is not known, or this grid is being run already.
    """
    if executor not in ("local", "slurm"):
        raise UserError(f"executor = {executor!r} is not known: give local or slurm.")
    if importlib.util.find_spec("snakemake") is None:
        raise UserError('A sweep needs Snakemake: install it with `pip install -e ".[sweep]"`.')
    config = [f"grid={name}", *([f"profile={profile}"] if profile else [])]
    where = ["--cores", str(jobs * threads())]
    if executor == "slurm":
        where = [
            "--executor",
            "slurm",
            "--jobs",
            str(jobs),
            "--workflow-profile",
            from_root("profiles/slurm").as_posix(),
        ]
    options = [
        "--keep-going",
        "--rerun-incomplete",
        "--rerun-triggers",
        "mtime",
        "--nolock",
        "--show-failed-logs",
        "--quiet",
        "host",
        "reason",
    ]
    command = [sys.executable, "-m", "snakemake", "book" if book else "all", *where, *options, "--config", *config]
    scale = grid.load(name, profile)[0].experiment.profile
    with alone(record.work_folder(grid.find(name)) / scale, f"the grid {name} at profile {scale}"):
        return subprocess.run(command, check=False).returncode


def threads() -> int:
    """Of one run: $OMP_NUM_THREADS, else 1.

    Raises:
        UserError: it is no positive number.
    """
    text = os.environ.get("OMP_NUM_THREADS") or "1"
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"OMP_NUM_THREADS = {text!r} is not accepted: give a positive number.")
    return int(text)


def _key(experiment: Experiment) -> tuple[object, ...]:
    e = experiment
    return e.dataset, e.source, e.width, e.use_sci, e.classes, e.batch_size


def _pace(folder: Path) -> float:
    """Minutes of one thread for an epoch of a stored run."""
    content = record.read(folder)
    threads = record.training_provenance(content)["threads"]
    return float(content["metrics"]["seconds"]) / 60 * threads / content["experiment"]["epochs"]


def _finished_epochs(run: grid.Run) -> int:
    import torch

    path = record.work_folder(run.folder) / "checkpoint.pt"
    try:
        return len(torch.load(path, map_location="cpu", weights_only=True)["history"])
    except Exception:  # none yet, or damaged: `exon run` says so when it comes to it
        return 0
