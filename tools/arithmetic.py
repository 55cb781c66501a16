"""What single operations give here, to the bit.

python tools/arithmetic.py portable 2           what differs from results/portable_operations.csv; code 1 if training uses it
python tools/arithmetic.py portable 2 --write   the start of the SHA-256 of each result into that file, under this processor
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from exon.files import atomic_path, from_root
from exon.runs import arithmetic
from exon.runs.processor import processor, words

if TYPE_CHECKING:
    from torch import Tensor

Results = Iterator[tuple[str, "tuple[Tensor, ...]"]]

STORED = from_root("results/portable_operations.csv")
SETTING = ["processor", "arithmetic", "threads"]
NOT_USED = {"sqrt"}
"""MKL's own, which differs from vendor to vendor; training does not use it."""
N = 16
LINEAR = ((784, 256), (256, 128), (128, 40), (2, 128), (128, 256), (256, 784), (128, 64), (64, 10))
CONVOLUTIONS = ((1, 32, 5, 28), (32, 64, 3, 14), (64, 128, 3, 7))  # channels in and out, kernel, size of the image


def exact(*shape: int, seed: int = 0) -> "Tensor":
    """Multiples of 2^-20 in [-1, 1): drawing them needs no rounding."""
    import torch

    return torch.randint(-(2**20), 2**20, shape, generator=torch.Generator().manual_seed(seed)).float() / 2**20


def channels_last(x: "Tensor") -> "Tensor":
    import torch

    return x.contiguous(memory_format=torch.channels_last)


def elementwise() -> Results:
    """Random numbers, functions of single numbers, and sums."""
    import torch

    torch.manual_seed(1)
    yield "random numbers", (torch.rand(10000), torch.randn(10000), torch.empty(10000).exponential_())
    x = exact(100003) * 4
    for name in ("exp", "tanh", "sigmoid"):
        yield name, (getattr(torch, name)(x),)
    for name in ("log", "rsqrt", "sqrt"):
        yield name, (getattr(torch, name)(x.abs() + 1e-3),)
    yield "log_softmax", ((exact(N * 10, 10) * 9).log_softmax(1),)
    yield "sums", (x.sum(), exact(N * 50, 784).sum(1), exact(N * 50, 784).sum(0))


def layers() -> Results:
    """The layers of the MNIST model, forward and backward."""
    import torch
    import torch.nn.functional as F

    def forward_and_backward(name: str, x: "Tensor", weight: "Tensor", bias: "Tensor") -> Results:
        inputs = [tensor.requires_grad_() for tensor in (x, weight, bias)]
        y = F.linear(x, weight, bias) if x.ndim == 2 else F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)
        upstream = exact(*y.shape, seed=4)
        gradients = torch.autograd.grad(y, inputs, upstream if x.ndim == 2 else channels_last(upstream))
        yield f"{name}, forward", (y,)
        for part, gradient in zip(("input", "weights", "bias"), gradients, strict=True):
            yield f"{name}, backward to {part}", (gradient,)

    for a, b in LINEAR:
        yield from forward_and_backward(
            f"linear {a} to {b}", exact(N, a, seed=1), exact(b, a, seed=2), exact(b, seed=3)
        )
    for a, b, kernel, size in CONVOLUTIONS:
        images, weights = (
            channels_last(exact(N, a, size, size, seed=1)),
            channels_last(exact(b, a, kernel, kernel, seed=2)),
        )
        yield from forward_and_backward(
            f"convolution {kernel} x {kernel}, {a} to {b}", images, weights, exact(b, seed=3)
        )
    yield "batch normalisation", (torch.nn.BatchNorm2d(32)(channels_last(exact(N, 32, 28, 28, seed=1))),)


def steps() -> Results:
    """Three steps of AdamW, and two training steps of the whole model."""
    import torch

    from exon import data, train
    from exon.experiment import Experiment
    from exon.model import build
    from exon.optimization import make_optimizers

    weights = exact(5000).requires_grad_()
    optimizer = torch.optim.AdamW([weights], lr=0.003, fused=True)
    for seed in (9, 10, 11):
        weights.grad = exact(5000, seed=seed)
        optimizer.step()
    yield "AdamW", (weights,)
    experiment, sample = Experiment.create(dataset="mnist", profile="smoke"), data.load("mnist", "sample")
    model = build("mnist", experiment.build_prior(), 1.0, torch.Generator().manual_seed(3))
    images = train.TrainingImages.of(sample, slice(N))
    step = train.make_step(experiment, model, make_optimizers(experiment, model), images)
    torch.manual_seed(5)
    for _ in range(2):
        step(torch.arange(N // 4), torch.arange(N, 2 * N - N // 4), 1.0, 1000.0)
    yield "two training steps", tuple(model.parameters())


def digest(results: "tuple[Tensor, ...]") -> str:
    sha256 = hashlib.sha256()
    for result in results:
        sha256.update(result.detach().contiguous().numpy().tobytes())
    return sha256.hexdigest()[:12]


def write(found: pd.DataFrame) -> None:
    """Store digests in place of those of the same processor, arithmetic and number of threads."""
    if STORED.exists():
        stored = pd.read_csv(STORED)
        same = stored[SETTING].eq(found[SETTING].iloc[0]).all(axis=1)
        found = pd.concat([stored[~same], found])
    with atomic_path(STORED) as temporary:
        found.to_csv(temporary, index=False)


def differing(found: pd.DataFrame) -> dict[str, list[str]]:
    """Stored processor -> the operations whose bits are not those found, in the same arithmetic with as many threads."""
    stored = pd.read_csv(STORED)
    stored = stored[stored[SETTING[1:]].eq(found[SETTING[1:]].iloc[0]).all(axis=1)]
    here = found.set_index("operation")["sha256"]
    return {
        str(name): list(part["operation"][part["sha256"].to_numpy() != here.reindex(part["operation"]).to_numpy()])
        for name, part in stored.groupby("processor", sort=False)
    }


def main() -> None:
    """Compare the digests with the stored ones of the same arithmetic, or store them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arithmetic", choices=arithmetic.NAMES)
    parser.add_argument("threads", type=int)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--processor", help="its name, where the system gives another, as under emulation")
    asked = parser.parse_args()
    with arithmetic.applied(asked.arithmetic, asked.threads):
        digests = {name: digest(results) for part in (elementwise, layers, steps) for name, results in part()}
        setting = (asked.processor or words({**processor(), "capability": None}), arithmetic.in_force(), asked.threads)
    found = pd.DataFrame([(*setting, *item) for item in digests.items()], columns=[*SETTING, "operation", "sha256"])
    if asked.write:
        write(found)
        return
    others = differing(found)
    for name, operations in others.items():
        print(
            f"{name}: {len(found) - len(operations)} of {len(found)} operations give the same bits",
            *operations,
            sep="\n  ",
        )
    sys.exit(1 if any(set(operations) - NOT_USED for operations in others.values()) else 0)


if __name__ == "__main__":
    main()
