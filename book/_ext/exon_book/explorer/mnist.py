"""What the page "Explore" runs in the browser: the decoders and classifiers of stored runs, and where test images lie.

The decoder is written as it is, in 32-bit floats. The classifier, whose batch normalisation is folded into the layers before
it, is written as 16-bit integers, each row of a weight matrix with its own scale (weight = integer * scale).
`manifest.json` names every tensor's place in the run's file.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sphinx.application import Sphinx
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from exon.model import EXoN
from exon.runs import checkpoint, record
from exon_book.lookup import finished
from exon_book.plots import by_beta

POINTS = 2000  # test images on the map
CODE_UNIT = 1 / 512  # of the stored coordinates


def layers(model: EXoN) -> dict[str, list[nn.Module]]:
    """The layers with weights, in order: the decoder's, and the classifier's with their batch normalisation folded in."""
    blocks = [fuse_conv_bn_eval(block.conv, block.norm) for block in model.classifier.blocks]
    dense, norm, _, last = model.classifier.head
    return {
        "decoder": [layer for layer in model.decoder if isinstance(layer, nn.Linear)],
        "classifier": [*blocks, fuse_linear_bn_eval(dense, norm), last],
    }


def quantize(weight: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """(rows, ...) -> the scale of each row, float32, and round(weight / scale), int16 (rows, columns)."""
    flat = weight.detach().reshape(len(weight), -1).double().numpy()
    scale = (np.abs(flat).max(1) / 32767).clip(1e-12).astype(np.float32)
    return scale, np.rint(flat / scale[:, None].astype(np.float64)).astype(np.int16)


def pack(arrays: list[np.ndarray]) -> tuple[bytes, list[int]]:
    """All arrays in one string of bytes, each at a multiple of four; also where each begins."""
    content, offsets = b"", []
    for array in arrays:
        offsets.append(len(content))
        content += array.tobytes()
        content += bytes(-len(content) % 4)
    return content, offsets


def export(run: Path) -> tuple[bytes, dict[str, Any]]:
    """The file of one run, and its entry in the manifest."""
    experiment = record.experiment_of(run)
    model = checkpoint.load_weights(experiment, run / "model.safetensors")
    arrays, places = [], {}
    for network, modules in layers(model).items():
        places[network] = []
        for module in modules:
            place: dict[str, Any] = {"shape": list(module.weight.shape)}
            tensors = {"weight": module.weight.detach().numpy(), "bias": module.bias.detach().numpy()}
            if network == "classifier":
                tensors["scale"], tensors["weight"] = quantize(module.weight)
            for name, tensor in tensors.items():
                place[name] = len(arrays)
                arrays.append(tensor)
            places[network].append(place)
    codes = record.arrays(run)
    z = (codes["z"][:POINTS].float() / CODE_UNIT).round().clamp(-32768, 32767).numpy().astype(np.int16)
    first = len(arrays)
    arrays += [z, codes["labels"][:POINTS].numpy()]
    content, offsets = pack(arrays)
    for place in (place for network in places.values() for place in network):
        place |= {name: offsets[index] for name, index in place.items() if name != "shape"}
    entry = {
        "beta": experiment.beta,
        "run": run.as_posix().split("results/", 1)[1],
        "count": len(z),
        "codes": offsets[first],
        "labels": offsets[first + 1],
        **places,
    }
    return content, entry


@torch.no_grad()
def write(app: Sphinx, exception: Exception | None) -> None:
    """Write the files of all runs of the grid `beta` that keep their weights, below the site's explorer/."""
    if exception or app.builder.name != "html":
        return
    folder = Path(app.outdir) / "explorer"
    folder.mkdir(exist_ok=True)
    runs = by_beta(finished("beta", Path(app.srcdir)))
    chosen = {beta: run for beta, run in runs.items() if (run / "model.safetensors").exists()}
    entries = []
    for beta, run in chosen.items():
        content, entry = export(run)
        name = f"beta-{beta:g}.bin"
        (folder / name).write_bytes(content)
        entries.append({"file": name, **entry})
    if not entries:
        return
    prior = record.experiment_of(chosen[entries[0]["beta"]]).build_prior()
    manifest = {
        "unit": CODE_UNIT,
        "centers": prior.means.tolist(),
        "radius": 2 * prior.variances[0, 0].sqrt().item(),
        "runs": entries,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
