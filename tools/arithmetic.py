"""What single operations give here, to the bit.

python tools/arithmetic.py portable 2           each operation and the start of the SHA-256 of its result, as CSV
python tools/arithmetic.py portable 2 --check   what differs from results/portable_operations.csv; code 1 if anything does
"""

import argparse
import csv
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from exon.runs import arithmetic

if TYPE_CHECKING:
    from torch import Tensor

Results = Iterator[tuple[str, "tuple[Tensor, ...]"]]

STORED = Path(__file__).parents[1] / "results" / "portable_operations.csv"
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
    import torch.nn.functional as F

    from exon import data, train
    from exon.experiment import Experiment
    from exon.model import build

    weights = exact(5000).requires_grad_()
    optimizer = torch.optim.AdamW([weights], lr=0.003, fused=True)
    for seed in (9, 10, 11):
        weights.grad = exact(5000, seed=seed)
        optimizer.step()
    yield "AdamW", (weights,)
    experiment, sample = Experiment.create(dataset="mnist", profile="smoke"), data.load("mnist", "sample")
    model = build("mnist", experiment.build_prior(), 1.0, torch.Generator().manual_seed(3))
    targets = F.one_hot(sample.train_labels[:N], 10).float()
    images = train.TrainingImages(sample.train_images[:N], targets, sample.train_images)
    step = train.make_step(experiment, model, train.make_optimizers(experiment, model), images)
    torch.manual_seed(5)
    for _ in range(2):
        step(torch.arange(N // 4), torch.arange(N, 2 * N - N // 4), 1.0, 1000.0)
    yield "two training steps", tuple(model.parameters())


def digest(results: "tuple[Tensor, ...]") -> str:
    sha256 = hashlib.sha256()
    for result in results:
        sha256.update(result.detach().contiguous().numpy().tobytes())
    return sha256.hexdigest()[:12]


def main() -> None:
    """Print the digests, or what differs from the stored ones of this arithmetic and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arithmetic", choices=arithmetic.NAMES)
    parser.add_argument("threads", type=int)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    with arithmetic.applied(asked.arithmetic, asked.threads):
        found = {name: digest(results) for part in (elementwise, layers, steps) for name, results in part()}
    if not asked.check:
        csv.writer(sys.stdout).writerows([("operation", "sha256"), *found.items()])
        return
    with STORED.open(newline="") as file:
        stored = [
            row
            for row in csv.DictReader(file)
            if (row["arithmetic"], row["threads"]) == (asked.arithmetic, str(asked.threads))
        ]
    differing = {row["operation"] for row in stored if row["sha256"] != found[row["operation"]]}
    print(
        f"{len(found) - len(differing)} of {len(found)} operations give the stored bits", *sorted(differing), sep="\n"
    )
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
