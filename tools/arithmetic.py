"""Print what single operations give here, to the bit: an operation and the start of the SHA-256 of its result, as CSV.

python tools/arithmetic.py portable 2      arithmetic and threads; compare with results/portable_operations.csv
"""

import hashlib
import sys

from exon.runs import arithmetic

N = 16
LINEAR = ((784, 256), (256, 128), (128, 40), (2, 128), (128, 256), (256, 784), (128, 64), (64, 10))
CONVOLUTIONS = ((1, 32, 5, 28), (32, 64, 3, 14), (64, 128, 3, 7))


def main(name: str, threads: int) -> None:
    """Operations of the MNIST model on numbers that need no rounding, then two training steps of the whole model."""
    with arithmetic.applied(name, threads):
        import torch
        import torch.nn.functional as F

        from exon import data, train
        from exon.experiment import Experiment
        from exon.model import build

        def show(operation, *results):
            digest = hashlib.sha256()
            for result in results:
                digest.update(result.detach().contiguous().numpy().tobytes())
            print(f"{operation},{digest.hexdigest()[:12]}", flush=True)

        def exact(*shape, seed=0):
            whole = torch.randint(-(2**20), 2**20, shape, generator=torch.Generator().manual_seed(seed))
            return whole.float() / 2**20

        def layer(operation, function, x, weight, bias):
            inputs = [tensor.requires_grad_() for tensor in (x, weight, bias)]
            result = function(*inputs)
            upstream = exact(*result.shape, seed=4)
            if result.ndim == 4:
                upstream = upstream.contiguous(memory_format=torch.channels_last)
            show(f"{operation}: forward", result)
            for part, gradient in zip(
                ("input", "weights", "bias"), torch.autograd.grad(result, inputs, upstream), strict=True
            ):
                show(f"{operation}: backward to {part}", gradient)

        torch.manual_seed(1)
        show("random numbers", torch.rand(10000), torch.randn(10000), torch.empty(10000).exponential_())
        x = exact(100003) * 4
        for function in ("exp", "tanh", "sigmoid"):
            show(function, getattr(torch, function)(x))
        for function in ("log", "rsqrt", "sqrt"):
            show(function, getattr(torch, function)(x.abs() + 1e-3))
        show("log_softmax", (exact(N * 10, 10) * 9).log_softmax(1))
        show("sum of all", x.sum())
        show("sum over rows and columns", exact(N * 50, 784).sum(1), exact(N * 50, 784).sum(0))
        for a, b in LINEAR:
            layer(f"linear {a} to {b}", F.linear, exact(N, a, seed=1), exact(b, a, seed=2), exact(b, seed=3))
        for c, d, k, size in CONVOLUTIONS:
            images, kernels = (
                t.contiguous(memory_format=torch.channels_last)
                for t in (exact(N, c, size, size, seed=1), exact(d, c, k, k, seed=2))
            )
            layer(
                f"convolution {k} x {k} of {c} to {d} channels",
                lambda *inputs, k=k: F.conv2d(*inputs, padding=k // 2),
                *(images, kernels, exact(d, seed=3)),
            )
        maps = exact(N, 32, 28, 28, seed=1).contiguous(memory_format=torch.channels_last)
        show("batch normalisation", torch.nn.BatchNorm2d(32)(maps))
        weights = exact(5000).requires_grad_()
        optimizer = torch.optim.AdamW([weights], lr=0.003, fused=True)
        for seed in (9, 10, 11):
            weights.grad = exact(5000, seed=seed)
            optimizer.step()
        show("AdamW", weights)

        experiment, sample = Experiment.create(dataset="mnist", profile="smoke"), data.load("mnist", "sample")
        model = build("mnist", experiment.build_prior(), 1.0, torch.Generator().manual_seed(3))
        targets = F.one_hot(sample.train_labels[:N], 10).float()
        images = train.TrainingImages(sample.train_images[:N], targets, sample.train_images)
        step = train.make_step(experiment, model, train.make_optimizers(experiment, model), images)
        torch.manual_seed(5)
        for _ in range(2):
            step(torch.arange(N // 4), torch.arange(N, 2 * N - N // 4), 1.0, 1000.0)
        show("two training steps", *model.parameters())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
