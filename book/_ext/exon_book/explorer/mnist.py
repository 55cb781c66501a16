"""What the page "Explore" runs in the browser: the decoders and classifiers of stored runs, and where test images lie."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from exon.model import EXoN
from exon.runs import checkpoint, record
from exon_book.explorer.choice import entries
from exon_book.explorer.packing import Packing

GRIDS = "beta beta_seeds"
POINTS = 2000  # test images on the map
CODE_UNIT = 1 / 512  # of the stored coordinates


def files(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and content of a file for each run of the grids that keeps its weights, and of the list of them all.

    Raises:
        UserError: there is no such run, or one without its arrays.
    """
    shown = entries(GRIDS, "mnist", root)
    for run, entry in shown.items():
        entry["v_nat"] = v_nat(run)
        yield entry["file"], export(run)
    prior = record.experiment_of(next(iter(shown))).build_prior()
    radius = 2 * prior.variances[0, 0].sqrt().item()
    yield "mnist", {"centers": prior.means.tolist(), "radius": radius, "runs": list(shown.values())}


def v_nat(run: Path) -> list[list[float]] | None:
    """V-nat by label and dimension; None where the record does not have it."""
    measured = record.read(run)["metrics"]
    try:
        return [[measured[f"v_nat_{label}_{dimension}"] for dimension in (1, 2)] for label in range(10)]
    except KeyError:
        return None


def export(run: Path) -> dict[str, Any]:
    """The content of one run's file."""
    model = checkpoint.load_weights(record.experiment_of(run), run / "model.safetensors")
    stored = record.arrays(run)
    packing = Packing()
    dense = [layer for layer in model.decoder.children() if isinstance(layer, nn.Linear)]
    z = (stored["z"][:POINTS].float() / CODE_UNIT).round().clamp(-32768, 32767).numpy().astype(np.int16)
    return {
        "unit": CODE_UNIT,
        "count": len(z),
        "codes": packing.add(z),
        "labels": packing.add(stored["labels"][:POINTS].numpy()),
        "decoder": [packing.add_layer(layer, exact=True) for layer in dense],
        "classifier": [packing.add_layer(layer) for layer in classifier_layers(model)],
        "data": packing.text(),
    }


def classifier_layers(model: EXoN) -> list[nn.Linear | nn.Conv2d]:
    """The classifier's layers with weights, in order, with their batch normalisation folded in."""
    modules: Any = model.classifier
    blocks = [fuse_conv_bn_eval(block.conv, block.norm) for block in modules.blocks]
    dense, norm, _, last = modules.head
    return [*blocks, fuse_linear_bn_eval(dense, norm), last]
