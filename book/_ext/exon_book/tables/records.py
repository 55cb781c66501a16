"""The page of all runs, and their records as files of the site."""

import json
import re
import shutil
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from exon.errors import UserError
from exon.experiment import PROFILES
from exon.runs import record
from exon_book.lookup import RUNS_PAGE, anchor
from exon_book.reading import RecordDirective
from exon_book.tables import number, table

SHOWN = [profile for profile in PROFILES["cifar10"] if profile != "smoke"]  # smoke runs say nothing
FILES = ("run.json", "run.ipynb")
HEADS = ("record", "error (%)", "profile", "epochs", "seed", "minutes", "code", "")


def records(root: Path, notebook: str = "*") -> list[Path]:
    """The run folders below results/ that hold a record, by profile and name."""
    found = (root / "results" / profile for profile in SHOWN)
    return [path.parent for folder in found for path in sorted(folder.glob(f"{notebook}/*/run.json"), key=_by_numbers)]


def _by_numbers(path: Path) -> list[str | float]:
    """A key that sorts numbers inside names by their value: beta-5 before beta-10."""
    parts = re.split(r"(\d+(?:\.\d+)?)", path.parent.name)
    return [float(part) if index % 2 else part for index, part in enumerate(parts)]


class Runs(RecordDirective):
    """{runs} NOTEBOOK: a row for each run, with scale, origin, record, and notebook if it is kept; then what all took."""

    required_arguments = 1

    def made(self) -> list[nodes.Node]:
        self.env.note_reread()
        root = Path(self.env.srcdir)
        runs = records(root, self.arguments[0])
        if not runs:
            raise UserError("there is no such run")
        result = table(HEADS, [_row(run) for run in runs])
        result["classes"].append("runs")
        for row, run in zip(list(result.findall(nodes.row))[1:], runs, strict=True):
            first, *_, last = row.findall(nodes.entry)
            row["ids"].append(anchor(run))
            place = run.relative_to(root).as_posix()
            files = f"../records/{place.removeprefix('results/')}"
            _link(first, run.name, f"{files}/run.json")
            if f"{place}/run" in self.env.found_docs:
                _link(last, "notebook", f"../{place}/run.html")
            elif (run / "run.ipynb").is_file():
                _link(last, "notebook", f"{files}/run.ipynb")
        return [result, nodes.paragraph("", cost(runs), classes=["record"])]


def cost(runs: list[Path]) -> str:
    """The training time of all runs in one sentence: on processors times the number of threads, and on GPUs."""
    minutes = {"core": 0.0, "GPU": 0.0}
    for content in map(record.read, runs):
        kind = "core" if record.training_provenance(content)["accelerator"] == "none" else "GPU"
        minutes[kind] += record.device_minutes(content)
    on_gpu = f" and {minutes['GPU']:.1f} minutes of a GPU" if minutes["GPU"] else ""
    return f"Training these {len(runs)} runs took {minutes['core'] / 60:.1f} core-hours{on_gpu}."


def _link(cell: nodes.entry, text: str, uri: str) -> None:
    cell.clear()
    cell += nodes.paragraph("", "", nodes.reference("", text, internal=True, refuri=uri))


class Judges(RecordDirective):
    """{judges}: a row for each independent classifier that judges decoded images."""

    def made(self) -> list[nodes.Node]:
        rows = []
        for path in sorted((Path(self.env.srcdir) / "results" / "judge").glob("*/judge.json")):
            self.env.note_dependency(str(path))
            judge = json.loads(path.read_text())
            origin = judge["provenance"]
            rows.append(
                [
                    judge["dataset"],
                    judge.get("network", "classifier"),
                    f"{judge['width']:g}",
                    str(judge["epochs"]),
                    number(judge["test_error_pct"], ".2f"),
                    origin["finished"][:10],
                    origin["commit"][:7],
                ]
            )
        if not rows:
            raise UserError("there is no judge in results/judge")
        return [table(("data", "network", "width", "epochs", "test error (%)", "trained", "code"), rows)]


def _row(run: Path) -> list[str]:
    content = record.read(run)
    experiment, metrics, origin = content["experiment"], content["metrics"], record.training_provenance(content)
    return [
        run.name,
        "sample" if origin["data"]["source"] == "sample" else number(metrics["test_error_pct"], ".2f"),
        experiment["profile"],
        str(experiment["epochs"]),
        str(experiment["seed"]),
        f"{number(metrics['seconds'] / 60, '.1f')} × {origin['threads']}",
        origin["commit"][:7],
        "",
    ]


def copy_records(app: Sphinx, exception: Exception | None) -> None:
    """Put the files of every run, which the page of all runs leads to, below the site's records/."""
    if exception or app.builder.name != "html" or RUNS_PAGE not in app.env.found_docs:
        return
    root = Path(app.srcdir)
    for run in records(root):
        target = Path(app.outdir) / "records" / run.relative_to(root / "results")
        target.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            if (run / name).is_file():
                shutil.copyfile(run / name, target / name)
