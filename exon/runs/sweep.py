"""Running a grid: Snakemake does the work, one job for each run; this adds the plan and the options."""

import importlib.util
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from exon.errors import UserError
from exon.experiment import Experiment
from exon.files import OWN, PART, alone, from_root
from exon.runs import grid, notebook, provenance, record

if TYPE_CHECKING:
    import pandas as pd


def plan(runs: list[grid.Run]) -> "pd.DataFrame":
    """What is done and what is left of a grid: one row for each run.

    Columns: run; state ("done", "epoch 3 of 20" from its checkpoint, or "to do"); minutes left, on one thread where no
    accelerator is used; measured_on, the hardware that they were measured on; and megabytes. Minutes come from stored and own
    runs with the same data, networks, batches and terms of the objective, on a processor or on the accelerator that is here;
    megabytes from runs of the same notebook that keep their weights, or do not, as these. NaN where there are none.
    """
    import pandas as pd

    paces: dict[tuple[object, ...], dict[str, list[float]]] = {}
    sizes: dict[tuple[str, bool], list[float]] = {}
    asked = {from_root(run.folder) for run in runs}
    for path in [*from_root("results").glob("*/*/*/run.json"), *from_root(OWN).glob("*/*/*/run.json")]:
        try:
            content = record.read(path.parent)
            size = sum(file.stat().st_size for file in path.parent.iterdir() if not file.name.startswith(PART)) / 1e6
        except (FileNotFoundError, UserError):
            if path.exists() and path.parent in asked:
                raise
            continue  # another process is just replacing it, or it is damaged and no part of this grid
        experiment, training = Experiment(**content["experiment"]), record.training_provenance(content)
        pace = record.device_minutes(content) / experiment.epochs
        key = (*_key(experiment), training["accelerator"])
        paces.setdefault(key, {}).setdefault(provenance.hardware(training), []).append(pace)
        weights = (path.parent / "model.safetensors").exists()
        sizes.setdefault((path.parent.parent.name, weights), []).append(size)
    keeps = {
        name: notebook.parameter_defaults(notebook.find(name))["keep_weights"] for name in {r.notebook for r in runs}
    }
    rows = []
    for run in runs:
        epochs = run.experiment.epochs
        finished = epochs if run.done else _finished_epochs(run)
        state = "done" if run.done else f"epoch {finished} of {epochs}" if finished else "to do"
        measured = {} if run.done else paces.get((*_key(run.experiment), _accelerator(run.experiment)), {})
        pace = pd.Series([minutes for found in measured.values() for minutes in found], dtype=float).median()
        kind = run.notebook, run.parameters.get("keep_weights", keeps[run.notebook])
        minutes = 0.0 if run.done else (epochs - finished) * pace
        megabytes = 0.0 if run.done else pd.Series(sizes.get(kind), dtype=float).median()
        place = {"run": run.folder.as_posix(), "state": state}
        rows.append(place | {"minutes": minutes, "measured_on": "; ".join(sorted(measured)), "megabytes": megabytes})
    return pd.DataFrame(rows)


def summary(table: "pd.DataFrame", jobs: int) -> str:
    """A plan in one sentence: how many runs are left, and what they cost, `jobs` at a time."""
    left = table[table["state"] != "done"]
    said = f"{len(left)} of {len(table)} runs left"
    if left.empty:
        return f"{said}."
    minutes, megabytes = left["minutes"].sum(skipna=False) / jobs, left["megabytes"].sum(skipna=False)
    if math.isnan(minutes):
        return f"{said}: cost unknown, since no such run was measured on this kind of device."
    where = "; ".join(sorted({name for names in left["measured_on"] for name in names.split("; ")}))
    size = "" if math.isnan(megabytes) else f", {megabytes:.0f} MB"
    return f"{said}: about {minutes:.0f} minutes as measured on {where}, {jobs} at a time{size}."


def scale(runs: list[grid.Run]) -> str | None:
    """Which settings of the grid gave way to those of another profile, in one sentence; None if none did."""
    replaced = {(name, value, getattr(run.experiment, name)) for run in runs for name, value in run.replaced.items()}
    if not replaced:
        return None
    settings = ", ".join(f"{name} = {now} instead of {was}" for name, was, now in sorted(replaced, key=str))
    return f"The profile {runs[0].experiment.profile} sets the scale, not the grid: {settings}."


def choice(name: str, profile: str | None, seeds: str | None, settings: Sequence[str], root: Path) -> dict[str, str]:
    """The command line's words on which grid to run, as Snakemake's --config takes them.

    The settings are written as in the query of an address, prior=row&labels=50: one string that YAML leaves alone.

    Raises:
        UserError: a setting has no value, or is the profile, or seeds are given twice.
    """
    given = dict(zip(notebook.parse_settings(settings), (text.partition("=")[2] for text in settings), strict=True))
    if seeds is not None and "seed" in given:
        raise UserError(f"--set seed={given['seed']} and --seeds {seeds} contradict: give one of them.")
    place = root.as_posix() if root.is_absolute() else f"./{root.as_posix()}"  # else YAML makes a number of 2024
    words = {"profile": profile, "seeds": seeds, "settings": urlencode(given) or None, "root": place}
    return {"grid": name} | {key: word for key, word in words.items() if word is not None}


def asked(config: Mapping[str, Any]) -> grid.Asked:
    """What `choice`, or Snakemake's --config, names.

    Raises:
        UserError: the seeds are no list of whole numbers, or a setting has no value.
    """
    root, seeds = Path(config.get("root", OWN)), config.get("seeds")
    words = [] if seeds is None else [word.strip() for word in str(seeds).split(",")]
    if not all(word.isdecimal() for word in words) or len(set(words)) < len(words):
        raise UserError(f"seeds = {str(seeds)!r} is not accepted: give different whole numbers, as 11,12,13.")
    given = parse_qsl(str(config.get("settings", "")), keep_blank_values=True)
    settings = dict(notebook.parse_setting(f"{key}={text}") for key, text in given)
    return grid.Asked(config.get("profile"), list(map(int, words)), settings, root)


def chosen(config: Mapping[str, Any]) -> tuple[Path, list[grid.Run]]:
    """The root and the runs that `choice`, or Snakemake's --config, names.

    Raises:
        UserError: no grid is named, or what `asked` and `grid.load` raise.
    """
    words, name = asked(config), str(config.get("grid", ""))
    if not name.strip():
        raise UserError(f"grid = {name!r} is not accepted: give the name of a grid, as beta.")
    return words.root, grid.select(name, words)


def check_executor(executor: str) -> None:
    """Raise UserError unless the executor is known."""
    if executor not in ("local", "slurm"):
        raise UserError(f"executor = {executor!r} is not known: give local or slurm.")


def _check_machine(runs: list[grid.Run], executor: str) -> None:
    """Raise UserError where this machine cannot start the runs: no sbatch for slurm, or a device that is not here."""
    from exon import devices

    if executor == "slurm":
        if shutil.which("sbatch") is None:
            raise UserError(
                "--executor slurm needs the command sbatch, which is not here: give local, or log in to the cluster."
            )
        return
    for device in {run.experiment.device for run in runs if not run.done}:
        devices.choose(device)


def run(config: Mapping[str, str], jobs: int, executor: str, book: bool) -> int:
    """Run what is left of a grid; returns Snakemake's exit code, not 0 if a run failed.

    Finished runs stay, an interrupted one goes on from its checkpoint, and a failed one does not stop the others: its
    log is shown.

    Args:
        config: which runs, as `choice` writes it.
        jobs: how many runs at a time.
        executor: "local", or "slurm" for the cluster that profiles/slurm describes.

    Raises:
        UserError: Snakemake is not installed, this machine has no slurm or not the device that a run asks for, or another sweep
            at this profile runs below this root.
    """
    if importlib.util.find_spec("snakemake") is None:
        raise UserError('A sweep needs Snakemake: install it with `pip install -e ".[sweep]"`.')
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
        "--ignore-incomplete",  # a run publishes its files as a whole: there are no incomplete ones, and none to remove
        "--keep-incomplete",
        "--rerun-triggers",
        "mtime",
        "--nolock",
        "--show-failed-logs",
        "--quiet",
        "host",
        "reason",
    ]
    command = [sys.executable, "-m", "snakemake", "book" if book else "all", *where, *options, "--config"]
    command += [f"{key}={word}" for key, word in config.items()]
    root, runs = chosen(config)
    _check_machine(runs, executor)
    scale = runs[0].experiment.profile
    with alone(from_root(root), f"the runs at profile {scale} in {root}", f"sweep-{scale}"):
        return subprocess.run(command, cwd=from_root(""), check=False).returncode


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
    """What the time of an epoch depends on: runs of one key lend each other their pace."""
    e = experiment
    networks = e.width, e.autoencoder_width or e.width, e.precision, e.ema_decay > 0
    terms = e.use_elbo, e.use_cross_entropy, e.use_sci, e.averaged_pseudo_labels, e.mirrored_evaluation
    images = e.classes, e.batch_size, e.labelled_batch_size, e.crop_share, e.elbo_share
    return e.dataset, e.source, *networks, *terms, *images


def _accelerator(experiment: Experiment) -> str:
    """The accelerator that an experiment would use here, as a record names it; "unknown" where its device is missing."""
    from exon import devices

    try:
        return devices.accelerator(devices.choose(experiment.device))
    except UserError:
        return "unknown"


def _finished_epochs(run: grid.Run) -> int:
    import torch

    path = record.work_folder(run.folder) / "checkpoint.pt"
    try:
        return len(torch.load(path, map_location="cpu", weights_only=True)["history"])
    except Exception:  # none yet, or damaged: `exon run` says so when it comes to it
        return 0
