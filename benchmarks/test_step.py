"""Speed and memory of training and of the slowest metric, on the CPU; run on an idle machine: make bench."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
import second_device
import torch
from plain import PlainStep, random_batch

from exon import data, metrics, optimization, train
from exon.data import augment
from exon.experiment import Experiment


@pytest.fixture(scope="module")
def images() -> train.TrainingImages:
    return train.TrainingImages.of(data.load("mnist", "sample"), slice(100))


@pytest.fixture(scope="module")
def step(images: train.TrainingImages) -> Callable[[], None]:
    """The package's own step on MNIST with SCI, its data and augmentation included."""
    experiment = Experiment.create(profile="quick")
    model = train.build_for(experiment)
    one = train.make_step(experiment, model, optimization.make_optimizers(experiment, model), images)
    return lambda: one(torch.randint(100, (32,)), torch.randint(4000, (96,)), 1.0, 6000.0) and None


@pytest.fixture(scope="module")
def plain_step() -> Callable[[], None]:
    plain, batch = PlainStep(), random_batch()
    return lambda: plain(*batch)


def fetch_and_augment(images: train.TrainingImages) -> None:
    labelled = data.to_float(images.labelled[torch.randint(100, (32,))])
    unlabelled = data.to_float(images.unlabelled[torch.randint(4000, (96,))])
    torch.cat([labelled, unlabelled])
    augment.mnist(labelled)
    augment.mnist(unlabelled)


def interleaved(*actions: Callable[[], None], rounds: int = 40, warm_up: int = 5) -> list[float]:
    """Median seconds of each action, taken in turns so that all of them meet the same machine."""
    for _ in range(warm_up):
        for action in actions:
            action()
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(rounds):
        for action, row in zip(actions, times, strict=True):
            start = time.perf_counter()
            action()
            row.append(time.perf_counter() - start)
    return [statistics.median(row) for row in times]


def test_step(benchmark, step):
    benchmark.pedantic(step, rounds=30, warmup_rounds=5)


def test_plain_step(benchmark, plain_step):
    benchmark.pedantic(plain_step, rounds=30, warmup_rounds=5)


def test_fetch_and_augment(benchmark, images):
    benchmark.pedantic(lambda: fetch_and_augment(images), rounds=30, warmup_rounds=5)


def test_the_step_takes_at_most_nine_tenths_of_the_plain_one(step, plain_step):
    ours, plain = interleaved(step, plain_step)
    print(f"step {ours:.4f} s, plain {plain:.4f} s, ratio {ours / plain:.2f}")
    assert ours <= 0.9 * plain


def test_data_and_augmentation_take_at_most_15_percent_of_the_step(step, images):
    whole, part = interleaved(step, lambda: fetch_and_augment(images))
    print(f"step {whole:.4f} s, data and augmentation {part:.4f} s, share {part / whole:.1%}")
    assert part <= 0.15 * whole


@pytest.mark.parametrize(("dataset", "most"), [("mnist", 816), ("cifar10", 1062)])
def test_a_step_dispatches_no_more_operations_than_it_did(dataset, most):
    """A small step on a GPU waits for launches, not for arithmetic."""
    count = second_device.operations_of_a_step(dataset).total()
    print(f"{dataset}: {count} operations a step")
    assert count <= most


def test_negative_ssim_of_the_grid(benchmark):
    images = torch.tanh(2 * torch.randn(961, 1, 28, 28, generator=torch.Generator().manual_seed(0)))
    benchmark.pedantic(lambda: metrics.negative_ssim(images), rounds=3, warmup_rounds=1)
    if benchmark.stats:
        assert benchmark.stats["median"] < 3


MEMORY = """
from pathlib import Path
from exon import data, train
from exon.experiment import Experiment
dataset = data.load("mnist")
train.fit(Experiment.create(profile="quick", epochs=1), dataset)
status = Path("/proc/self/status").read_text().split()
print(int(status[status.index("VmHWM:") + 1]) / 1024)
"""
"""Linux's high-water mark of the process itself: ru_maxrss starts from that of the process that began it."""


def test_a_run_on_all_of_mnist_peaks_below_1500_mb():
    result = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    peak = float(result.stdout)
    print(f"peak {peak:.0f} MiB")
    assert peak < 1500
