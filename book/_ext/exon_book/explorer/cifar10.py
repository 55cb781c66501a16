"""What the page "Explore 256 dimensions" runs in the browser: the decoder of one stored run, and codes of some test images.

Batch normalisation is folded into the layers before it. Weights are 16-bit integers as in `exon_book.explorer.mnist`; those of a
transposed convolution are turned to (channels out, channels in, kernel, kernel) first.
"""

import json
from pathlib import Path

import numpy as np
import torch
from sphinx.application import Sphinx
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from exon import data, explain
from exon.model import EXoN
from exon.runs import checkpoint, record
from exon_book.explorer.mnist import pack, quantize
from exon_book.lookup import finished

RUN = "beta-0.05_seed-1"
TOP = 5  # sliders: the most activated dimensions of each class


def layers(model: EXoN) -> list[nn.Module]:
    """The decoder's layers with weights, in order, with their batch normalisation folded in."""
    modules = [
        module for module in model.decoder if not isinstance(module, nn.ZeroPad2d | nn.ReLU | nn.Unflatten | nn.Tanh)
    ]
    fused: list[nn.Module] = [fuse_linear_bn_eval(modules[0], modules[1])]
    for layer, norm in zip(modules[2:-1:2], modules[3:-1:2], strict=True):
        fused.append(fuse_conv_bn_eval(layer, norm, transpose=True))
    return [*fused, modules[-1]]


def export(run: Path) -> tuple[bytes, dict[str, object]]:
    """The run's file, and the manifest that names every tensor's place in it."""
    experiment = record.experiment_of(run)
    model = checkpoint.load_weights(experiment, run / "model.safetensors")
    stored = record.arrays(run)
    content: list[np.ndarray] = []
    places = []
    for layer in layers(model):
        weight = layer.weight.detach()
        stride = 1
        if isinstance(layer, nn.ConvTranspose2d):
            weight, stride = weight.transpose(0, 1), layer.stride[0]
        scale, integers = quantize(weight)
        places.append({"shape": list(weight.shape), "stride": stride, "scale": len(content)})
        places[-1] |= {"weight": len(content) + 1, "bias": len(content) + 2}
        content += [scale, integers, layer.bias.detach().numpy()]
    codes, originals = len(content), len(content) + 1
    content += [stored["codes"].float().numpy(), stored["originals"].numpy()]
    packed, offsets = pack(content)
    for place in places:
        place |= {name: offsets[place[name]] for name in ("scale", "weight", "bias")}
    v_nat = stored["v_nat"]
    active = explain.activated(v_nat)
    manifest = {
        "file": "cifar10.bin",
        "run": run.as_posix().split("results/", 1)[1],
        "classes": data.CIFAR10_CLASSES,
        "images": len(stored["codes"]) // len(data.CIFAR10_CLASSES),
        "dimensions": stored["codes"].shape[1],
        "decoder": places,
        "codes": offsets[codes],
        "originals": offsets[originals],
        "top": v_nat.topk(TOP, dim=1).indices.tolist(),
        "active": [torch.nonzero(row)[:, 0].tolist() for row in active],
    }
    return packed, manifest


@torch.no_grad()
def write_cifar10(app: Sphinx, exception: Exception | None) -> None:
    """Write the file and the manifest below the site's explorer/, if the run is there with its weights."""
    if exception or app.builder.name != "html":
        return
    runs = {run.name: run for run in finished("cifar10", Path(app.srcdir))}
    if RUN not in runs or not (runs[RUN] / "model.safetensors").exists():
        return
    content, manifest = export(runs[RUN])
    folder = Path(app.outdir) / "explorer"
    folder.mkdir(exist_ok=True)
    (folder / "cifar10.bin").write_bytes(content)
    (folder / "cifar10.json").write_text(json.dumps(manifest))
