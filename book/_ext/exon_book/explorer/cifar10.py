"""What the page "Explore 256 dimensions" runs in the browser: the decoders of stored runs, and codes of some test images."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from exon import data
from exon.model import EXoN
from exon.runs import checkpoint, record
from exon_book.explorer.choice import entries
from exon_book.explorer.packing import Packing

GRIDS = "cifar10_day"


def files(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and content of a file for each run of the grids that keeps its weights, and of the list of them all.

    Raises:
        UserError: there is no such run, or one without its arrays.
    """
    shown = entries(GRIDS, "cifar10", root)
    for run, entry in shown.items():
        yield entry["file"], export(run)
    yield "cifar10", {"runs": list(shown.values())}


def export(run: Path) -> dict[str, Any]:
    """The content of the run's file."""
    model = checkpoint.load_weights(record.experiment_of(run), run / "model.safetensors")
    stored = record.arrays(run)
    packing = Packing()
    return {
        "classes": data.CIFAR10_CLASSES,
        "images": len(stored["codes"]) // len(data.CIFAR10_CLASSES),
        "dimensions": stored["codes"].shape[1],
        "decoder": [packing.add_layer(layer) for layer in decoder_layers(model)],
        "codes": packing.add(stored["codes"].float().numpy()),
        "originals": packing.add(stored["originals"].numpy()),
        "v_nat": packing.add(stored["v_nat"].float().numpy()),
        "data": packing.text(),
    }


def decoder_layers(model: EXoN) -> list[nn.Linear | nn.Conv2d | nn.ConvTranspose2d]:
    """The decoder's layers with weights, in order, with their batch normalisation folded in."""
    without = (nn.ZeroPad2d, nn.ReLU, nn.Unflatten, nn.Tanh)
    modules: list[Any] = [module for module in model.decoder.children() if not isinstance(module, without)]
    dense, norm, *rest, last = modules
    fused = [fuse_linear_bn_eval(dense, norm)]
    for layer, norm in zip(rest[::2], rest[1::2], strict=True):
        fused.append(fuse_conv_bn_eval(layer, norm, transpose=True))
    return [*fused, last]
