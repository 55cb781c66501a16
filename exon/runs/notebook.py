"""Papermill, made strict: parameters are checked before anything runs, and a failure leaves nothing behind."""

import ast
import json
import logging
import os
import shlex
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import nbformat
from traitlets.config import Config

from exon.errors import CellError, UserError
from exon.experiment import Experiment
from exon.files import PART, alone, check_writable, from_root, room_for, write_text
from exon.runs import arithmetic as arithmetics
from exon.runs import record
from exon.runs.environment import environment
from exon.runs.memory import advice_on_memory

NOT_OF_THE_EXPERIMENT = {"out": str, "keep_weights": bool, "inception_weights": str | None, "accuracy_score": bool}
STARTS = 3
"""How often a kernel is started, at most."""
KERNEL = Config(KernelManager={"transport_encryption": "required"}, NotebookClient={"shutdown_kernel": "immediate"})
"""Its connections are encrypted. It is killed at the end, because one that is asked to end may print a traceback first."""
SILENT = logging.NullHandler()


def run(
    notebook: str,
    parameters: dict[str, Any],
    out: Path,
    force: bool = False,
    trained: bool = False,
    arithmetic: str | None = None,
) -> Path:
    """Execute notebooks/<notebook>.ipynb with parameters and keep it as <out>/run.ipynb; returns that path.

    Until record and notebook are complete, the run folder keeps what it held before. A finished run of the same experiment
    is left as it is.

    Args:
        notebook: name of a notebook, without folder and ending.
        parameters: name -> value, as in the notebook's parameters cell; they must form a valid `Experiment`.
        out: the run folder; a relative path is below the repository's root.
        force: run again in place of a finished run, or of another run and its checkpoint.
        trained: take the training from the record in that folder.
        arithmetic: "portable" or "native"; None for the profile's own.

    Raises:
        UserError: unknown notebook or parameter, a value that is not accepted, a run folder that cannot be written or holds
            another run, another process at work there, a full disk, a device with too little memory, or a kernel that does not
            start.
        CellError: a cell failed; the message names the notebook so far.
    """
    source = find(notebook)
    experiment = check(source, parameters)
    out = from_root(out)
    check_writable(out)
    settings = arithmetics.applied(arithmetic or arithmetics.default(experiment.profile))
    work = record.work_folder(out)
    with alone(out, out), settings:
        record.finish(out)
        stored = record.experiment_of(out) if (out / "run.json").exists() and not force else experiment
        if difference := experiment.difference(stored):
            raise UserError(f"{out} holds another run ({difference}): choose another folder or delete it.")
        finished = (out / "run.json").exists() and not (force or trained)
        record.discard_unpublished(out)
        for left_behind in work.glob(f"{PART}*"):
            left_behind.unlink(missing_ok=True)
        if force:
            from exon.runs import checkpoint

            checkpoint.discard_foreign(experiment, work / "checkpoint.pt")
        if trained:
            record.recall_training(out)
        work.mkdir(parents=True, exist_ok=True)
        try:
            if not finished:
                with advice_on_memory(experiment):
                    content = _execute(source, parameters | {"out": out.as_posix()}, work / "executed.ipynb")
                text = nbformat.writes(content).rstrip("\n") + "\n"
                write_text(record.unpublished(out) / "run.ipynb", text)
                record.publish(out)
            for own in ("checkpoint.pt", "executed.ipynb"):
                (work / own).unlink(missing_ok=True)
        finally:
            if trained:  # else a later run would take this checkpoint for its own training
                (work / "checkpoint.pt").unlink(missing_ok=True)
            record.discard_unpublished(out)
            with suppress(OSError):  # it holds what the next run goes on from
                work.rmdir()
    return out / "run.ipynb"


def _execute(source: Path, parameters: dict[str, Any], executed: Path) -> nbformat.NotebookNode:
    """The notebook with its outputs, stripped; a cell's standard error is also shown here, and `executed` kept on failure."""
    import papermill

    with room_for(executed), environment(_variables()):
        try:
            _papermill(source, parameters, executed)
        except KeyboardInterrupt:
            print("Stopped. The same command goes on from the last checkpoint, if there is one.", file=sys.stderr)
            raise
        except papermill.PapermillExecutionError as error:
            if error.ename == UserError.__name__:
                executed.unlink(missing_ok=True)
                raise UserError(str(error.evalue)) from None
            reason = f"{error.ename}: {error.evalue}"
            raise CellError(f"Cell {error.exec_count} of {source} failed ({reason}); see {executed}.") from None
    content = nbformat.read(executed, as_version=4)
    _strip(content)
    return content


def _papermill(source: Path, parameters: dict[str, Any], executed: Path) -> None:
    """Papermill's execution; a kernel that dies before its first cell is started again.

    Jupyter chooses free ports and lets the kernel take them a moment later: another process may have been faster.
    """
    import papermill

    for library in ("papermill", "asyncio"):  # of a kernel that is gone: `_execute` says it in one sentence
        logging.getLogger(library).addHandler(SILENT)
    for starts_left in reversed(range(STARTS)):
        try:
            papermill.execute_notebook(
                source,
                executed,
                parameters=parameters,
                kernel_name="python3",
                progress_bar=False,
                record_timing=False,
                stderr_file=_Heedless(sys.stderr),
                config=KERNEL,
            )
        except RuntimeError as error:
            if "before replying" not in str(error):
                raise
            if not starts_left:
                executed.unlink(missing_ok=True)
                raise UserError(f"The kernel of {source} did not start in {STARTS} attempts ({error}).") from None
        else:
            return


def folder() -> Path:
    """Where the notebooks are."""
    return from_root("notebooks")


def find(notebook: str) -> Path:
    """The path of a notebook by name.

    Raises:
        UserError: there is none of that name.
    """
    names = sorted(path.stem for path in folder().glob("*.ipynb"))
    if not names:
        raise UserError(f"There are no notebooks in {Path.cwd()} or above it: give the command in the repository.")
    if notebook not in names:
        raise UserError(f"notebook = {notebook!r} is not known: give one of {', '.join(names)}.")
    return folder() / f"{notebook}.ipynb"


def parameter_defaults(source: Path) -> dict[str, Any]:
    """Name -> default of everything that a notebook's parameters cell sets.

    Raises:
        UserError: no cell is tagged "parameters", or it holds more than plain assignments of literals.
    """
    cells = nbformat.read(source, as_version=4).cells
    tagged = [cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    if not tagged:
        raise UserError(f"{source} has no cell tagged 'parameters'.")
    try:
        return {line.targets[0].id: ast.literal_eval(line.value) for line in ast.parse(tagged[0]).body}
    except (SyntaxError, AttributeError, ValueError) as error:
        raise UserError(f"The parameters cell of {source} may only assign literals ({error}).") from error


def check(source: Path, parameters: dict[str, Any]) -> Experiment:
    """The experiment that a notebook would run with these parameters.

    Raises:
        UserError: a parameter is not in the notebook's parameters cell, or its value is not accepted.
    """
    defaults = parameter_defaults(source)
    for name, value in parameters.items():
        if name not in defaults or name == "out":
            names = ", ".join(name for name in defaults if name != "out")
            raise UserError(f"{name!r} is not a parameter of {source}: its parameters are {names}.")
        if name in NOT_OF_THE_EXPERIMENT and not isinstance(value, kind := NOT_OF_THE_EXPERIMENT[name]):
            raise UserError(f"{name} = {value!r} is not accepted: give a {getattr(kind, '__name__', kind)}.")
    settings = {**defaults, **parameters}
    return Experiment.create(**{name: value for name, value in settings.items() if name not in NOT_OF_THE_EXPERIMENT})


def parameters_of(notebook: str, experiment: Experiment) -> dict[str, Any]:
    """The parameters under which a notebook runs an experiment: its profile, and what differs from the notebook's own."""
    source = find(notebook)
    parameters: dict[str, Any] = {"profile": experiment.profile}
    for name in ("source", "recipe"):  # first, because they bring other settings with them
        if (value := getattr(experiment, name)) != getattr(check(source, parameters), name):
            parameters[name] = value
    own = check(source, parameters)
    settings = experiment.model_dump(mode="json")
    names = [name for name in parameter_defaults(source) if name not in NOT_OF_THE_EXPERIMENT]
    return parameters | {name: settings[name] for name in names if getattr(experiment, name) != getattr(own, name)}


def parse_setting(text: str) -> tuple[str, Any]:
    """A parameter on the command line: 'beta=0.5' -> ("beta", 0.5). The value is JSON, or a plain word.

    Raises:
        UserError: that is no name with a value.
    """
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise UserError(f"--set {text} is not accepted: write NAME=VALUE, as in --set beta=0.5.")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def parse_settings(texts: Iterable[str]) -> dict[str, Any]:
    """Parameters on the command line, name -> value, each as `parse_setting` takes it.

    Raises:
        UserError: one has no name or no value, is given twice, or is the profile, which has an option of its own.
    """
    settings: dict[str, Any] = {}
    for name, value in map(parse_setting, texts):
        if name == "profile":
            raise UserError(f"--set profile={value} is not accepted: give --profile {value}.")
        if name in settings:
            raise UserError(f"{name} is set twice (to {settings[name]!r} and {value!r}): give it once.")
        settings[name] = value
    return settings


def command(notebook: str, experiment: Experiment, out: str, **others: Any) -> str:
    """The command line that runs an experiment; `others` are parameters that are no settings of it."""
    return f"python -m exon {arguments(notebook, parameters_of(notebook, experiment) | others, out)}"


def arguments(notebook: str, parameters: dict[str, Any], out: str) -> str:
    """The arguments of `exon` that execute a notebook, quoted for a shell; `parameters` names the profile among others."""
    words = ["run", notebook, "--profile", parameters["profile"]]
    for name, value in parameters.items():
        if name != "profile":
            words += ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    return shlex.join([*words, "--out", out])


def _variables() -> dict[str, str]:
    """What tells the kernel that the record is published here, and the user's terminal, so that training shows its bar there
    and not in the stored notebook.
    """
    terminal = os.ttyname(sys.stderr.fileno()) if sys.stderr.isatty() and hasattr(os, "ttyname") else None
    return {record.PUBLISHED_LATER: "1"} | ({"EXON_TERMINAL": terminal} if terminal else {})


class _Heedless:
    """A stream that may go away, as a terminal does, without harm to who writes on it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self.stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self.stream.flush()


def _strip(content: nbformat.NotebookNode) -> None:
    """Remove what differs from run to run without meaning (papermill's and the kernel's metadata, the injected id), and
    make the figures small.
    """
    from exon.figures.svg import compact

    content.metadata.pop("papermill", None)
    content.metadata.get("language_info", {}).pop("version", None)
    for cell in content.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"
        for output in cell.get("outputs", []):
            if figure := output.get("data", {}).get("image/svg+xml"):
                output.data["image/svg+xml"] = compact(figure)
