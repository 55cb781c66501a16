"""A grid of runs, declared in notebooks/grids/<name>.yaml: which notebook, at which settings::

    notebook: mnist
    profile: cpu
    runs:
      - beta: [0.1, 1.0]     a list: one run for each level, crossed with the other lists of this item
        seed: [1, 2]
        labels: 50           a single value: the same for all runs of this item
        name: b{beta}        the runs' names; left out, they are made of the lists: beta-0.1_seed-1

The keys are parameters of the notebook.
"""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml

from exon.errors import UserError
from exon.experiment import PROFILES, Experiment
from exon.files import from_root
from exon.runs import notebook, record

NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._+-]*")


@dataclass(frozen=True)
class Run:
    """One run of a grid: <root>/<profile>/<notebook>/<name>, and the parameters that its notebook is executed with.

    `replaced` holds the settings of scale in the file that gave way to those of another profile, `declared` the names of the
    file's runs that it stands for: where seeds or settings were asked for, those gave way to these.
    """

    notebook: str
    name: str
    parameters: dict[str, Any]
    experiment: Experiment
    root: Path = Path("results")
    replaced: dict[str, Any] = field(default_factory=dict)
    declared: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The run folder."""
        return from_root(self.root / self.experiment.profile / self.notebook / self.name)

    @property
    def done(self) -> bool:
        """Whether the folder holds this run's record, which is written last; the executed notebook need not be kept."""
        return (self.folder / "run.json").exists()


class Asked(NamedTuple):
    """What is asked of every run of a grid, beside or against its file.

    profile: instead of the file's. What a profile sets (epochs, on CIFAR-10 also width, batch sizes and learning rate) then
    comes from this one, unless it is a list in the file or part of a run's name. seeds: instead of the file's. settings:
    name -> value, for every run, instead of the file's value or list. root: the folder that the runs belong to; `results`
    holds the stored ones.
    """

    profile: str | None = None
    seeds: Sequence[int] = ()
    settings: Mapping[str, Any] = MappingProxyType({})
    root: Path = Path("results")


AS_DECLARED = Asked()


def load(name: str | Path, asked: Asked = AS_DECLARED) -> list[Run]:
    """All runs of a grid, checked: nothing needs to have run yet.

    Seeds and settings given here stand in the name of a run as well: at its end, if its own name has no place for them.

    Args:
        name: of a file in notebooks/grids, or a path that ends in .yaml, below the repository's root if it is relative.

    Raises:
        UserError: naming the file and the line: no such file, not YAML, an unknown factor, an empty list of levels, a
            value that is not accepted, a run named twice, or a folder that holds another run.
    """
    path = find(name)
    try:
        content = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{path}, line {line}: {error.problem}.") from None
    except (UnicodeDecodeError, yaml.reader.ReaderError) as error:
        raise UserError(f"{path} is not a text of YAML ({error.reason}).") from None
    top = _mapping(path, content)
    if unknown := [key for key in top if key not in ("notebook", "profile", "runs")]:
        raise UserError(
            f"{path}, line {top[unknown[0]][0]}: {unknown[0]!r} is not a key: give notebook, profile and runs."
        )
    if missing := [key for key in ("notebook", "profile", "runs") if key not in top]:
        raise UserError(f"{path}, line 1: {missing[0]!r} is missing.")
    items = top["runs"][1]
    if not isinstance(items, yaml.SequenceNode) or not items.value:
        raise UserError(f"{path}, line {top['runs'][0]}: runs must be a list of at least one item.")
    if asked.profile == _value(top["profile"][1]):
        asked = asked._replace(profile=None)
    runs: dict[str, Run] = {}
    for item in items.value:
        for line, run in _runs(path, _mapping(path, item), top, asked):
            if run.name in runs and (
                not (asked.seeds or asked.settings) or run.experiment != runs[run.name].experiment
            ):
                raise UserError(f"{path}, line {line}: there are two runs of the name {run.name!r}.")
            _check_stored(path, line, run)
            declared = runs[run.name].declared if run.name in runs else ()
            runs[run.name] = replace(run, declared=(*declared, *run.declared))
    return list(runs.values())


def select(names: str, asked: Asked = AS_DECLARED) -> list[Run]:
    """Runs of grids separated by spaces; a slash and a pattern after a name choose some of its runs: ``beta/*_seed-1``.

    A pattern speaks of the names in the file, or of those that the seeds and settings asked for give them.

    Args:
        names: or the path of one file that ends in .yaml.

    Raises:
        UserError: no run has such a name, or what `load` raises.
    """
    if names.endswith(".yaml"):
        return load(names, asked)
    if names.endswith(".yml"):
        raise UserError(f"grid = {names!r} is not accepted: give its file a name that ends in .yaml.")
    parts = [name.partition("/") for name in names.split()]
    chosen = [
        run
        for name, _, pattern in parts
        for run in load(name, asked)
        if any(Path(known).match(pattern or "*") for known in (run.name, *run.declared))
    ]
    if parts and not chosen:
        raise UserError(f"grid = {names!r} names no run: give a grid, or a pattern as in beta/*_seed-1.")
    return chosen


def folder() -> Path:
    """Where the grids are."""
    return notebook.folder() / "grids"


def find(name: str | Path) -> Path:
    """The path of a grid.

    Raises:
        UserError: there is none of that name.
    """
    if Path(name).suffix == ".yaml":
        if not (path := from_root(name)).is_file():
            raise UserError(f"{path} does not exist: give the path of a grid.")
        return path
    names = sorted(path.stem for path in folder().glob("*.yaml"))
    if not names:
        raise UserError(f"There are no grids in {Path.cwd()} or above it: give the command in the repository.")
    if str(name) not in names:
        raise UserError(
            f"grid = {str(name)!r} is not known: give one of {', '.join(names)}, or a path that ends in .yaml."
        )
    return folder() / f"{name}.yaml"


def arguments(run: Run) -> str:
    """The arguments of `exon` that execute a run, quoted for a shell."""
    parameters = {"profile": run.experiment.profile, **run.parameters}
    return notebook.arguments(run.notebook, parameters, run.folder.as_posix())


def word(value: Any) -> str:
    """A setting's value as it stands in a run's name: [0, 1] as 0-1."""
    if isinstance(value, list):
        return "-".join(map(word, value))
    return f"{value:g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)


def _runs(
    path: Path, item: dict[str, tuple[int, yaml.Node]], top: dict[str, tuple[int, yaml.Node]], asked: Asked
) -> list[tuple[int, Run]]:
    """The crossed runs of one item, each with the line of the file that it comes from."""
    notebook, profile = _value(top["notebook"][1]), _value(top["profile"][1])
    heads = {"notebook": top["notebook"][0], "profile": top["profile"][0] if asked.profile is None else 0}
    template = _value(item["name"][1]) if "name" in item else None
    levels = {key: _levels(path, line, key, node) for key, (line, node) in item.items() if key != "name"}
    varied = [key for key, (_, node) in item.items() if isinstance(node, yaml.SequenceNode)]
    named = varied if template is None else _places(template)
    first = next((line for line, _ in item.values()), 1)
    replaced = {}
    if asked.profile is not None:
        profile = asked.profile
        scale = _scale(_check(path, heads, notebook, profile, {}).dataset) - {*varied, *named, *asked.settings}
        replaced = {key: levels.pop(key)[0][1] for key in scale & levels.keys()}
    given = {key: [value] for key, value in asked.settings.items()} | ({"seed": asked.seeds} if asked.seeds else {})
    unnamed = Experiment.model_fields.keys() - {*named}
    given_up = {key: [value for _, value in levels[key]] for key in given if key in levels}
    levels |= {key: [(0, value) for value in values] for key, values in given.items()}
    runs = []
    for values in itertools.product(*levels.values()):
        parameters = {key: value for key, (_, value) in zip(levels, values, strict=True)}
        lines = {key: line for key, (line, _) in zip(levels, values, strict=True)}
        was = [dict(zip(given_up, old, strict=True)) for old in itertools.product(*given_up.values())]
        try:
            name, *declared = (_name(template, varied, parameters | old) for old in ({}, *was))
        except (KeyError, IndexError, AttributeError, ValueError):
            raise UserError(
                f"{path}, line {item['name'][0]}: name = {template!r} may only use the item's own keys."
            ) from None
        if not name:
            raise UserError(f"{path}, line {first}: an item without lists needs a name.")
        name = "_".join([name, *(f"{key}-{word(parameters[key])}" for key in given if key in unnamed)])
        if not NAME.fullmatch(name):
            raise UserError(
                f"{path}, line {item['name'][0] if template else first}: the run's name {name!r} is not accepted: give letters, "
                "digits and . _ + -, a letter or digit first."
            )
        experiment = _check(path, lines | heads, notebook, profile, parameters)
        runs.append((first, Run(notebook, name, parameters, experiment, asked.root, replaced, tuple(declared))))
    return runs


def _name(template: str | None, varied: list[str], parameters: dict[str, Any]) -> str:
    if template is None:
        return "_".join(f"{key}-{word(parameters[key])}" for key in varied)
    return template.format(**{key: word(value) for key, value in parameters.items()})


def _places(template: Any) -> list[str]:
    """The keys that a name has places for; none where it is no template, which `_runs` refuses."""
    try:
        return [key for _, key, _, _ in Formatter().parse(template) if key]
    except (TypeError, ValueError):
        return []


def _scale(dataset: str) -> set[str]:
    """The settings of scale for a data set: those that any of its profiles sets."""
    return {name for settings in PROFILES[dataset].values() for name in settings}


def _check(path: Path, lines: dict[str, int], name: str, profile: str, parameters: dict[str, Any]) -> Experiment:
    """The experiment of one run; an error names the line of the setting that it speaks of, if that is in the file."""
    try:
        return notebook.check(notebook.find(name), {"profile": profile, **parameters})
    except UserError as error:
        words = str(error).replace("'", " ").split()
        line = next((lines[word] for word in words if word in lines), next(iter(lines.values()), 1))
        raise UserError(f"{path}, line {line}: {error}" if line else str(error)) from None


def _check_stored(path: Path, line: int, run: Run) -> None:
    try:
        stored = record.experiment_of(run.folder)
    except UserError:
        if run.done:
            raise
        return  # none yet, or another process is just replacing it
    if difference := run.experiment.difference(stored):
        raise UserError(
            f"{path}, line {line}: {run.folder} holds another run ({difference}): "
            "delete that folder or name this run otherwise."
        )


def _mapping(path: Path, node: yaml.Node | None) -> dict[str, tuple[int, yaml.Node]]:
    """key -> (line, node) of a YAML mapping."""
    if not isinstance(node, yaml.MappingNode):
        line = node.start_mark.line + 1 if node is not None else 1
        raise UserError(f"{path}, line {line}: give names with values here, as in 'beta: [0.1, 1.0]'.")
    entries: dict[str, tuple[int, yaml.Node]] = {}
    for key, value in node.value:
        if key.value in entries:
            raise UserError(f"{path}, line {key.start_mark.line + 1}: {key.value!r} stands there twice.")
        entries[key.value] = (key.start_mark.line + 1, value)
    return entries


def _levels(path: Path, line: int, key: str, node: yaml.Node) -> list[tuple[int, Any]]:
    """(line, value) of every level of a factor; a single value is its only level."""
    if not isinstance(node, yaml.SequenceNode):
        return [(line, _value(node))]
    if not node.value:
        raise UserError(f"{path}, line {line}: {key} has no levels: give at least one.")
    return [(level.start_mark.line + 1, _value(level)) for level in node.value]


def _value(node: yaml.Node) -> Any:
    return yaml.SafeLoader("").construct_object(node, deep=True)
