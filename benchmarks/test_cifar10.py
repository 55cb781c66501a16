"""Speed of the CIFAR-10 step against what the machine can do: a large matrix product in the same process."""

import copy
from collections.abc import Callable

import pytest
import torch
from test_step import interleaved
from torch.utils.flop_counter import FlopCounterMode

from exon import data, optimization, train
from exon.experiment import Experiment

SIDE = 3072


def cifar10_step(profile: str) -> Callable[[], None]:
    """The package's own step on CIFAR-10, its data and augmentation included."""
    images = train.TrainingImages.of(data.load("cifar10", "sample"), slice(400))
    experiment = Experiment.create(dataset="cifar10", profile=profile)
    model = train.build_for(experiment)
    averaged = copy.deepcopy(model) if experiment.ema_decay else None
    one = train.make_step(experiment, model, optimization.make_optimizers(experiment, model), images, averaged)
    labelled = experiment.labelled_batch_size
    others = experiment.batch_size - labelled

    return lambda: one(torch.randint(400, (labelled,)), torch.randint(800, (others,)), 0.05, 5000.0) and None


@pytest.mark.parametrize(("profile", "rounds", "share"), [("day", 8, 0.85), ("paper", 3, 0.8)])
def test_the_step_uses_its_share_of_the_machine(profile, rounds, share):
    step = cifar10_step(profile)
    with FlopCounterMode(display=False) as counter:
        step()
    matrix = torch.randn(SIDE, SIDE)

    def product() -> None:
        torch.mm(matrix, matrix)

    seconds, reference = interleaved(step, product, rounds=rounds, warm_up=1)
    rate, peak = counter.get_total_flops() / seconds / 1e9, 2 * SIDE**3 / reference / 1e9
    print(f"{profile}: {seconds:.2f} s, {rate:.0f} GFLOP/s, {rate / peak:.0%} of a matrix product's {peak:.0f}")
    assert rate >= share * peak
