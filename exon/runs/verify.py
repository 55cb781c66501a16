"""Whether a run repeats a stored one: to the last bit on the same arithmetic, within prediction intervals on another.

The last bits of a sum depend on the processor, the number of threads and the version of PyTorch, and training makes such
differences grow. Where these are the same, every metric must be the same. Where they are not, a run is like one of another
seed, and each of the `HEADLINE` metrics is held against the interval that a further seed would lie in.
"""

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from exon.errors import CellError, UserError
from exon.evaluation.intervals import Spread, pooled, prediction_interval
from exon.experiment import Experiment
from exon.runs import arithmetic, judged, notebook, record
from exon.runs.environment import environment
from exon.runs.processor import words

HEADLINE = (
    "test_error_pct",
    "recon",
    "kl",
    "negative_ssim",
    "path_negative_ssim",
    "center_error_pct",
    "purity_pct",
    "generation_error_pct",
    "cardinality_mean",
)
"""What the paper's tables report and its claims rest on; a run is judged by those of them that its notebook measures."""

PATHS = ("beta", "distance", "lambda1", "kl_weight")
"""The settings that experiments walk along in steps; the spread over seeds is taken to be similar along such a path."""

LEVEL = 0.95
"""Of each interval. Where m metrics are judged, one lies outside by chance in up to 1 - LEVEL^m of right replications."""

HEADS = ("metric", "stored", "here", f"{100 * LEVEL:g} % interval", "")
NUMERICAL = ("torch", "torchvision", "numpy", "scipy")
SAME, WITHIN, OUTSIDE, UNKNOWN, ALIKE, MISSING, DIFFERS = (
    *("same bits", "within", "outside", "no spread known", "stored seeds are equal", "not measured", "differs"),
)
FAILED = (OUTSIDE, MISSING, DIFFERS)

Seeds = dict[int, dict[str, float]]  # seed -> metrics of its run


@dataclass(frozen=True)
class Line:
    """One metric: as stored, as found here (None: not measured), where that lies, the interval, what its spread is of."""

    metric: str
    stored: float
    here: float | None
    status: str
    interval: tuple[float, float] | None = None
    spread: str = ""


@dataclass(frozen=True)
class Verdict:
    """A sentence, the metrics that it rests on, and whether nothing speaks against the replication."""

    sentence: str
    passed: bool
    lines: tuple[Line, ...] = ()

    def text(self) -> str:
        """A line for each metric, then the sentence."""
        rows = [HEADS, *map(cells, self.lines)] if self.lines else []
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*table, self.sentence])

    def to_json(self) -> str:
        """The same for programs."""
        return json.dumps(asdict(self), indent=1)


def again(run: Path, threads: int | None = None) -> Verdict:
    """Execute a stored run anew in a temporary folder, in its own arithmetic where this machine has that, and compare.

    Args:
        run: <results>/<profile>/<notebook>/<run>.
        threads: how many to use; those of the stored run if None.

    Raises:
        UserError: the folder holds no record.
    """
    name, content = run.resolve().parent.name, record.read(run)
    parameters = notebook.parameters_of(name, record.experiment_of(run)) | content["parameters"]
    provenance = record.training_provenance(content)
    threads = threads or provenance["threads"]
    stored = provenance.get("arithmetic", "native")
    own = stored if arithmetic.portable_here() else "native"
    folder = Path(tempfile.mkdtemp(prefix="exon-verify-"))
    kept = False
    try:
        with environment({"OMP_NUM_THREADS": str(threads), "EXON_WORK": str(folder)}):
            notebook.run(name, parameters, folder / "again", arithmetic=own)
        return compare(run, folder / "again")
    except CellError:
        kept = True  # the message names the notebook in it
        raise
    finally:
        if not kept:
            shutil.rmtree(folder)


def compare(stored: Path, here: Path) -> Verdict:
    """The verdict on another run of a stored experiment.

    Args:
        stored: <results>/<profile>/<notebook>/<run>; the runs beside it give the spread.
        here: the folder of the other run.

    Raises:
        UserError: a folder holds no record, or the two hold different experiments.
    """
    old, new = record.read(stored), record.read(here)
    data = [content["provenance"]["data"] for content in (old, new)]
    if data[0]["sha256"] != data[1]["sha256"]:
        sources = " and here ".join(f"from {each['source']}" for each in data)
        return Verdict(f"No verdict: the two runs did not see the same data (stored {sources}).", passed=True)
    experiment, other = (Experiment(**content["experiment"]) for content in (old, new))
    if difference := experiment.difference(other.model_copy(update={"device": experiment.device})):
        raise UserError(f"{here} holds another experiment than {stored} ({difference}): give one of the same settings.")
    if len(judged.judges_of([old, new])) > 1:
        rest = _compared(stored, judged.without(old), judged.without(new))
        return replace(rest, sentence=f"{rest.sentence} What hangs on the judge, another one here, is left out.")
    return _compared(stored, old, new)


def _compared(stored: Path, old: dict[str, Any], new: dict[str, Any]) -> Verdict:
    reasons = other_arithmetic(old, new)
    later = record.remeasured(old) | record.remeasured(new)
    was = {name: value for name, value in old["metrics"].items() if name != "seconds" and name not in later}
    if not reasons or all(new["metrics"].get(name) == value for name, value in was.items()):
        return _bit_for_bit(was, new["metrics"], reasons)
    return _by_intervals(stored, old["metrics"], new["metrics"], reasons)


def other_arithmetic(stored: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """Why two records need not agree to the last bit: what differs or is not known. Empty where they must agree.

    They must if packages, threads and processor (vendor, family, model, vector instructions) are the same and no
    accelerator was used, whose sums have no fixed order. Portable arithmetic does not depend on the processor's model.
    """
    reasons: dict[str, None] = {}
    for part in (record.training_provenance, lambda content: content["provenance"]):
        old, new = part(stored), part(here)
        pairs = [(name, old["packages"].get(name), new["packages"].get(name)) for name in NUMERICAL]
        pairs += [(name, old[name], new[name]) for name in ("threads", "accelerator")]
        pairs += [("arithmetic", old.get("arithmetic", "native"), new.get("arithmetic", "native"))]
        reasons |= {f"{name} = {was}, here {now}": None for name, was, now in pairs if was != now}
        processors = old["processor"], new["processor"]
        if old["accelerator"] == new["accelerator"] != "none":
            reasons["the bits of an accelerator are not promised"] = None
        elif not all(isinstance(processor, dict) for processor in processors):
            reasons["a record does not tell the processor's model"] = None
        elif _kernels(processors[0]) != _kernels(processors[1]) and old.get("arithmetic") != "portable":
            reasons["processor = {}, here {}".format(*map(words, processors))] = None
    return list(reasons)


def _kernels(processor: dict[str, Any]) -> dict[str, Any]:
    """What decides which kernels the libraries choose: all but the brand."""
    return {name: value for name, value in processor.items() if name != "brand"}


def _bit_for_bit(old: dict[str, float], new: dict[str, float], reasons: list[str]) -> Verdict:
    lines = tuple(Line(name, old[name], new.get(name), SAME if new.get(name) == old[name] else DIFFERS) for name in old)
    differing = [line.metric for line in lines if line.status != SAME]
    if differing:
        which = f"{len(differing)} of {len(lines)} metrics ({', '.join(differing)})"
        return Verdict(f"Not replicated: on the same arithmetic {which} are not the same bits.", False, lines)
    although = f", which was not certain: {'; '.join(reasons)}" if reasons else ""
    return Verdict(f"Replicated: all {len(lines)} metrics are the same to the last bit{although}.", True, lines)


def _by_intervals(stored: Path, old: dict[str, float], new: dict[str, float], reasons: list[str]) -> Verdict:
    own, neighbours = seeds_of(stored)
    lines = tuple(_line(name, old[name], new.get(name), own, neighbours) for name in HEADLINE if name in old)
    failed = [f"{line.metric} ({line.status})" for line in lines if line.status in FAILED]
    fine = [line for line in lines if line.status in (SAME, WITHIN)]
    other = f"The bits need not agree: {'; '.join(reasons)}."
    alike = ", ".join(line.metric for line in lines if line.status == ALIKE)
    unjudged = f"Not judged: {alike}, equal in all stored seeds and another value here. " if alike else ""
    of = f"of {len(lines)} headline metrics"
    if failed:
        chance = f"by chance one does in up to {100 * (1 - LEVEL ** len(lines)):.0f} % of cases"
        sentence = (
            f"Not replicated: {', '.join(failed)}, {of}, do not lie where a further seed would; {chance}. {other}"
        )
    elif lines and all(line.status == SAME for line in lines):
        sentence = f"Replicated: all {len(lines)} headline metrics are the same to the last bit, though not all others. {other}"
    elif all(line.status != WITHIN for line in lines):
        sentence = f"No verdict: no spread over seeds is known at this setting or beside it. {unjudged}{other}"
    else:
        spread = next(line.spread for line in lines if line.status == WITHIN)
        sentence = f"Replicated: {len(fine)} {of} lie where a further seed would, by {spread}. {unjudged}{other}"
    return Verdict(sentence, not failed, lines)


def _line(metric: str, old: float, new: float | None, own: Seeds, neighbours: dict[str, Seeds]) -> Line:
    values = values_of(metric, own)
    spread, source = spread_of(metric, values, neighbours)
    interval = prediction_interval(values, spread, LEVEL) if spread and spread.sd > 0 else None
    if new is None or new == old:
        status = MISSING if new is None else SAME
    elif interval is None:
        status = ALIKE if len(values) > 1 else UNKNOWN
    else:
        status = WITHIN if interval[0] <= new <= interval[1] else OUTSIDE
    return Line(metric, old, new, status, interval, source if interval else "")


def spread_of(metric: str, values: list[float], neighbours: dict[str, Seeds]) -> tuple[Spread | None, str]:
    """The spread of a metric over seeds, and where it is from: of the values at a setting, of one alone that of its neighbours.

    Args:
        values: the metric at the setting, one or more.
        neighbours: as of `seeds_of`.
    """
    if spread := pooled([values]):
        return spread, f"{len(values)} stored seeds"
    groups = {name: group for name, seeds in neighbours.items() if len(group := values_of(metric, seeds)) > 1}
    return pooled(groups.values()), f"1 stored seed and the spread at {', '.join(groups)}"


def values_of(metric: str, seeds: Seeds) -> list[float]:
    """A metric of all seeds that have it."""
    return [metrics[metric] for metrics in seeds.values() if metric in metrics]


def seeds_of(run: Path) -> tuple[Seeds, dict[str, Seeds]]:
    """The stored seeds of a run's own setting, and those of its neighbours by name.

    A setting is everything in an experiment but its seed, its device, and the names of its profile and its recipe. A
    neighbour is a setting of the same notebook that differs in exactly one of `PATHS`, and has two seeds or more. Runs on
    another accelerator are left out: one seed may have run on two.
    """
    settings: dict[Experiment, Seeds] = {}
    stored = record.read(run)
    judge, accelerator = judged.judge_of(stored), record.training_provenance(stored)["accelerator"]
    for folder in (*_beside(run), run):
        content = record.read(folder)
        if record.training_provenance(content)["accelerator"] != accelerator:
            continue
        experiment = Experiment(**content["experiment"])
        alike = content if judged.judge_of(content) == judge else judged.without(content)
        settings.setdefault(_setting(experiment), {})[experiment.seed] = alike["metrics"]
    own = _setting(record.experiment_of(run))
    neighbours = {}
    for setting, seeds in settings.items():
        differing = [name for name in Experiment.model_fields if getattr(setting, name) != getattr(own, name)]
        if len(differing) == 1 and differing[0] in PATHS and len(seeds) > 1:
            neighbours[f"{differing[0]} = {getattr(setting, differing[0])} ({len(seeds)} seeds)"] = seeds
    return settings[own], neighbours


def _setting(experiment: Experiment) -> Experiment:
    return experiment.model_copy(update={"profile": "quick", "recipe": "authors", "seed": 0, "device": "auto"})


def _beside(run: Path) -> list[Path]:
    """The runs of the same notebook below the same root; none where a folder does not lie as in a root."""
    profile, name = run.resolve().parts[-3:-1]
    if profile != record.experiment_of(run).profile:
        return []
    return [path.parent for path in sorted(run.resolve().parents[2].glob(f"*/{name}/*/run.json"))]


def cells(line: Line) -> tuple[str, ...]:
    """A line below `HEADS`."""
    form = str if line.status == DIFFERS else "{:.6g}".format
    here = "–" if line.here is None else form(line.here)
    interval = "[{:.6g}, {:.6g}]".format(*line.interval) if line.interval else ""
    return line.metric, form(line.stored), here, interval, line.status
