"""The records as an RO-Crate: which notebook made which files from which settings and data, for archives and registries.

A crate is one file, ro-crate-metadata.json, in the folder that it describes. This one follows the profile Workflow Run Crate
(https://w3id.org/ro/wfrun/workflow/0.5): the Snakefile is the workflow, a grid is one execution of it, and a run is one
execution of its notebook.
"""

import importlib.util
import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import yaml

from exon import files
from exon.errors import UserError
from exon.runs import grid, notebook, provenance, record

if TYPE_CHECKING:
    from rocrate.model.entity import Entity
    from rocrate.rocrate import ROCrate

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
DATA = {
    "mnist": ("MNIST", "http://yann.lecun.com/exdb/mnist/"),
    "cifar10": ("CIFAR-10", "https://www.cs.toronto.edu/~kriz/cifar.html"),
}
# The files of a run, and those that belong to all runs: a pattern of paths and what they hold.
PARTS = {
    "run.ipynb": "the executed notebook",
    "run.json": "settings, metrics, versions, hardware and checksum of the data",
    "history.csv": "losses and errors after every epoch",
    "split.json": "which training images kept their labels, and which are for validation",
    "arrays.safetensors": "the numbers behind the figures",
    "model.safetensors": "the trained weights",
}
SHARED = {
    "README.md": "what the companion is, and the two commands that repeat it",
    "CITATION.cff": "how to cite the companion and the paper",
    "codecheck.yml": "what an independent check reproduces, and how",
    "constraints.txt": "the version of every package",
    "results/summary/*.csv": "all records as one table",
    "results/judge/*/*": "the classifier that names generated images",
    "results/baselines/*": "purity and traits of raw pixels and of principal components, and purity by chance",
    "results/reference/*.csv": "published numbers that the runs are compared with",
    "results/portable*": "the bits of a run and of single operations on several processors, and what they cost",
    "results/faults.json": "what survived kills, full disks and damage",
    "results/mutants.json": "how many small wrong changes the tests notice",
    "results/replication/*.json": "runs with new seeds beside the stored ones",
}
FORMATS = {
    ".csv": "text/csv",
    ".ipynb": "application/x-ipynb+json",
    ".json": "application/json",
    ".md": "text/markdown",
    "": "text/plain",
    ".txt": "text/plain",
    **dict.fromkeys((".cff", ".yaml", ".yml"), "application/yaml"),
}


def write(root: Path) -> Path:
    """Write the crate of all records below `root`/results to `root`/ro-crate-metadata.json; no other file is touched."""
    path = root / "ro-crate-metadata.json"
    content = describe(root).metadata.generate()
    files.write_text(path, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return path


def describe(root: Path) -> "ROCrate":
    """The crate of all records below `root`/results; the same records give the same crate.

    Args:
        root: the folder of the repository.

    Raises:
        UserError: the package rocrate is not installed, there is no record, one is damaged or of no notebook, or a grid is
            not valid.
    """
    if importlib.util.find_spec("rocrate") is None:
        raise UserError('A crate needs the package rocrate: install it with `pip install -e ".[archive]"`.')
    from rocrate.rocrate import ROCrate

    folders = sorted(path.parent for path in (root / "results").glob("*/*/*/run.json"))
    if not folders:
        raise UserError(f"{root / 'results'} holds no record: run an experiment first.")
    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append("https://w3id.org/ro/terms/workflow-run/context")
    about = _about(root, root / "Snakefile", "one job for each run of a grid, then the summary of all records")
    workflow = crate.add_workflow(root / "Snakefile", "Snakefile", properties=about, main=True, lang="snakemake")
    _add_citation(crate, root, workflow)
    for pattern, description in SHARED.items():
        for path in sorted(root.glob(pattern)):
            _add_file(crate, root, path, description)
    crate.get("README.md")["about"] = crate.root_dataset
    workflow["hasPart"] = [
        _add_file(crate, root, path, "a notebook with parameters", ["File", "SoftwareSourceCode"])
        for path in sorted((root / "notebooks").glob("*.ipynb"))
    ]
    for source in workflow["hasPart"]:
        source["version"] = workflow["version"]
    runs = {folder: _add_run(crate, root, folder) for folder in folders}
    for path in sorted((root / "notebooks" / "grids").glob("*.yaml")):
        _add_grid(crate, root, path, workflow, runs)
    crate.root_dataset["conformsTo"] = [
        _add(crate, uri, "CreativeWork", name=name, version=uri.rsplit("/")[-1]) for uri, name in PROFILES.items()
    ]
    crate.root_dataset["mentions"] = crate.get_by_type("CreateAction")
    crate.root_dataset["datePublished"] = _latest(list(runs.values()))
    return crate


def _add_citation(crate: "ROCrate", root: Path, workflow: "Entity") -> None:
    """What CITATION.cff says of the companion and of the paper."""
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    paper, license = citation["preferred-citation"], citation["license"]
    writers = [f"{author['given-names']} {author['family-names']}" for author in paper["authors"]]
    about = {
        "author": [_add(crate, f"#{quote(a['name'])}", "Organization", name=a["name"]) for a in citation["authors"]],
        "license": _add(crate, f"https://spdx.org/licenses/{license}", "CreativeWork", name=f"{license} license"),
        "version": citation["version"],
    }
    own = {
        "name": citation["title"],
        "description": citation["abstract"],
        "citation": _add(
            crate,
            paper["url"],
            "ScholarlyArticle",
            name=paper["title"],
            author=[_add(crate, f"#{quote(name)}", "Person", name=name) for name in writers],
        ),
    }
    _describe(crate.root_dataset, about | own)
    _describe(
        workflow, about | {"name": "Snakefile", "description": "one job for each run of a grid, then the summary"}
    )


def _add_run(crate: "ROCrate", root: Path, folder: Path) -> "Entity":
    """A run: its notebook, with its settings, on its data, made its folder."""
    content = record.read(folder)
    training = record.training_provenance(content)
    name = folder.relative_to(root / "results").as_posix()
    made = crate.add_dataset(
        dest_path=f"results/{name}/", properties={"name": name, "description": "one executed notebook and its record"}
    )
    made["hasPart"] = [
        _add_file(crate, root, folder / part, description)
        for part, description in PARTS.items()
        if (folder / part).exists()
    ]
    settings = {key: value for key, value in content["experiment"].items() if value is not None}
    return _add(
        crate,
        f"#{name}",
        "CreateAction",
        name=f"Run {name}",
        description=f"Trained until {training['finished']} at commit {training['commit']}, with PyTorch "
        f"{training['packages']['torch']} on {provenance.hardware(training)}",
        instrument=crate.get(f"notebooks/{notebook.find(folder.parent.name).name}"),
        object=[_add_data(crate, **training["data"]), *(_add_value(crate, *setting) for setting in settings.items())],
        environment=_add_value(crate, "OMP_NUM_THREADS", training["threads"]),
        result=made,
        endTime=content["provenance"]["finished"],
    )


def _add_grid(crate: "ROCrate", root: Path, path: Path, workflow: "Entity", runs: "dict[Path, Entity]") -> None:
    """A grid that has records: the workflow, given the grid's file, made the folders of its runs."""
    declared = grid.load(path)
    finished = [runs[root / run.folder] for run in declared if root / run.folder in runs]
    if finished:
        _add(
            crate,
            f"#grid-{path.stem}",
            "CreateAction",
            name=f"Grid {path.stem}",
            description=f"{len(finished)} of {len(declared)} runs of `python -m exon sweep {path.stem}`",
            instrument=workflow,
            object=_add_file(crate, root, path, "the settings and seeds of a grid of runs"),
            result=[action["result"] for action in finished],
            endTime=_latest(finished),
        )


def _add_file(crate: "ROCrate", root: Path, path: Path, description: str, kind: str | list[str] = "File") -> "Entity":
    about = _about(root, path, description)
    return crate.add_file(path, about["name"], properties=about | {"@type": kind})


def _about(root: Path, path: Path, description: str) -> dict[str, Any]:
    return {
        "name": path.relative_to(root).as_posix(),
        "description": description,
        "encodingFormat": FORMATS.get(path.suffix, "application/octet-stream"),
        "contentSize": str(path.stat().st_size),
    }


def _add_data(crate: "ROCrate", name: str, source: str, sha256: str) -> "Entity":
    title, url = DATA[name]
    part = ", the sample inside the package" if source == "sample" else ""
    return _add(crate, f"#{sha256}", "CreativeWork", name=title + part, identifier=f"sha256:{sha256}", url=url)


def _add_value(crate: "ROCrate", name: str, value: Any) -> "Entity":
    return _add(crate, f"#{name}={quote(json.dumps(value))}", "PropertyValue", name=name, value=value)


def _add(crate: "ROCrate", identifier: str, kind: str, /, **properties: Any) -> "Entity":
    """An entity of the crate; one of the same identifier is the same entity."""
    from rocrate.model.contextentity import ContextEntity

    known = crate.get(identifier)
    if known is None:
        known = crate.add(ContextEntity(crate, identifier, {"@type": kind}))
        _describe(known, properties)
    return known


def _describe(entity: "Entity", properties: dict[str, Any]) -> None:
    for name, value in properties.items():
        entity[name] = value


def _latest(actions: "list[Entity]") -> str:
    return str(max((action["endTime"] for action in actions), key=datetime.fromisoformat))
