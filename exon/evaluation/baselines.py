"""What purity and traits of a latent space are held against: the neighbours of raw pixels, of principal components, and chance.

A record in results/baselines/<dataset>.json keeps them, as `exon baselines` makes it.
"""

import json
from pathlib import Path
from typing import Any

from exon import data, files
from exon.errors import UserError
from exon.evaluation import latent
from exon.experiment import Experiment
from exon.runs import provenance

NAMES = {
    "purity_pixels_pct": "raw pixels",
    "purity_components_pct": "{} principal components",
    "purity_chance_pct": "chance",
}


def path(dataset: str) -> Path:
    """Where the record is kept."""
    return files.from_root(f"results/baselines/{dataset}.json")


def measure(dataset: data.Dataset) -> dict[str, Any]:
    """The record of a data set's test images, with as many principal components as the paper's prior has dimensions."""
    begun = provenance.begin(dataset)
    components = Experiment.create(dataset=dataset.name).build_prior().latent_dim
    metrics = latent.without_model(dataset.test_images, dataset.test_labels, components=components)
    scale = {"images": len(dataset.test_images), "components": components}
    return {"dataset": dataset.name, "metrics": metrics | scale, "provenance": provenance.finish(begun)}


def write(dataset: data.Dataset) -> Path:
    """Measure, and keep the record."""
    target = path(dataset.name)
    files.write_text(target, json.dumps(measure(dataset), indent=1) + "\n")
    return target


def lines(dataset: str) -> dict[str, float]:
    """Name in words -> purity in percent; nothing where no record is kept."""
    if not path(dataset).is_file():
        return {}
    metrics = read(dataset)
    return {words.format(metrics["components"]): metrics[name] for name, words in NAMES.items()}


def read(dataset: str) -> dict[str, float]:
    """The numbers of the record.

    Raises:
        UserError: there is none, or it is damaged.
    """
    try:
        return dict(json.loads(path(dataset).read_text(encoding="utf-8"))["metrics"])
    except FileNotFoundError:
        raise UserError(f"{path(dataset)} does not exist: run `python -m exon baselines {dataset}`.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path(dataset)} is not a record of baselines ({type(error).__name__}).") from None
