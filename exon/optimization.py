"""How the weights move: optimizers, what changes in the course of training, and the average of the weights."""

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

from exon import losses
from exon.experiment import Experiment
from exon.model import EXoN

CIFAR10_EPOCHS = 600
"""The authors'; time on CIFAR-10 is counted in these, however long a run is."""

WARM_UP = 0.05
"""The share of training in which the linear schedule rises."""


def make_optimizers(experiment: Experiment, model: EXoN) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """Adam for encoder and decoder, and for the classifier Adam with decoupled weight decay.

    The authors subtract weight_decay * lr * w, w the weights before the step, after Adam's update: that is AdamW.
    """
    rest = [*model.encoder.parameters(), *model.decoder.parameters()]
    options: dict[str, Any] = {"lr": experiment.learning_rate, "eps": 1e-7, "fused": True}
    return (
        torch.optim.Adam(rest, **options),
        torch.optim.AdamW(model.classifier.parameters(), weight_decay=experiment.weight_decay, **options),
    )


class Schedule(NamedTuple):
    """What changes in the course of training: the weight of SCI's unlabelled part and the two learning rates."""

    lambda2: float
    lr: float
    lr_classifier: float


def schedule(experiment: Experiment, epoch: int, step: int = 0, steps: int = 1) -> Schedule:
    """What is in force for one step of the `steps` of an epoch; step and epoch are counted from 0.

    lambda2 = lambda1 * ramp_up(time, rampup_epochs), and the learning rates of the authors or linear ones.

    MNIST: time is the epoch. The learning rate is the base for both; from epoch 10 the classifier's is
    base * exp(-5 (epoch / epochs)^2).

    CIFAR-10: time runs through the 600 epochs of the authors, 0 to 599, in whatever number of epochs is given; within an
    epoch too, so that a short run warms up and falls as the long one does. At time 0 the rates are a tenth and a fifth of
    base; then the classifier's is halved at 250, 350, 450 and 550 and falls by exp(-5 t^2) over the rest, t in [0, 1].

    Linear: both are base * min(t / WARM_UP, (1 - t) / (1 - WARM_UP)), t in (0, 1) the share of training that is over in the
    middle of the step, so that every step learns: the best shape for a short run (Li, Yumer, Ramanan 2020, Budgeted Training,
    arXiv:1905.04753).
    """
    base = experiment.learning_rate
    if experiment.dataset == "mnist":
        time = epoch
        fall = math.exp(-5 * (epoch / experiment.epochs) ** 2) if epoch >= 10 else 1.0
        rates = base, base * fall
    else:
        time = math.floor(CIFAR10_EPOCHS * (epoch + step / steps) / experiment.epochs)
        halvings = sum(time >= mark for mark in (250, 350, 450, 550))
        fall = math.exp(-5 * max(0.0, (time - 550) / 50) ** 2)
        rates = (base, base * 0.5**halvings * fall) if time else (0.1 * base, 0.2 * base)
    if experiment.learning_rate_schedule == "linear":
        over = (epoch + (step + 0.5) / steps) / experiment.epochs
        rates = (base * min(over / WARM_UP, (1 - over) / (1 - WARM_UP)),) * 2
    return Schedule(experiment.lambda1 * losses.ramp_up(time, experiment.rampup_epochs), *rates)


def sees_crops(experiment: Experiment, epoch: int, fraction: float) -> bool:
    """Whether the classification terms see crops in this step: in the first `crop_share` of training."""
    return epoch + fraction < experiment.crop_share * experiment.epochs


def averaging(averaged: EXoN, model: EXoN, decay: float, taken: int = 0) -> Callable[[], None]:
    """A function that moves an average after each step: a <- d_t a + (1 - d_t) w, for weights and moving statistics w.

    d_t = min(decay, (1 + t) / (10 + t)), t = 0, 1, ... the steps taken before: the average soon forgets the initial weights that
    `averaged` holds at first. That is the rule of TensorFlow's `tf.train.ExponentialMovingAverage` with `num_updates` = t.
    PyTorch's `torch.optim.swa_utils.AveragedModel` has a constant decay, and a counter for which it waits on a GPU.

    Args:
        decay: in [0, 1).
        taken: the steps that `averaged` has seen already.
    """
    pairs = zip(averaged.state_dict().values(), model.state_dict().values(), strict=True)
    means, values = zip(*(pair for pair in pairs if pair[0].is_floating_point()), strict=True)
    counted = itertools.count(taken)

    def average() -> None:
        t = next(counted)
        get_ema_multi_avg_fn(min(decay, (1 + t) / (10 + t)))(means, values, None)

    return average
