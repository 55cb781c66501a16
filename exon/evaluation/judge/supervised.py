"""Supervised training on CIFAR-10 in few epochs: the recipe of airbench93, for the judge and for classification accuracy scores.

Jordan (2024), arXiv:2404.00498, and airbench/lib_airbench93.py: SGD with Nesterov momentum, rates and weight decay stated for
1,024 images, larger rates for the biases of normalisation, label smoothing, images mirrored in every other epoch, shifts
by up to 2 pixels, and averaged weights (Lookahead) whose decay grows to the end. Ours is that images are softened too.
"""

import math
import time
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exon import data, devices
from exon.data import augment
from exon.errors import UserError
from exon.evaluation.judge import soften
from exon.evaluation.judge.airbench import Airbench
from exon.experiment import derive_seed
from exon.runs import checkpoint
from exon.runs.screen import progress

BATCH, RATE, MOMENTUM, DECAY, BIAS_FACTOR, SMOOTHING = 500, 11.5, 0.85, 0.0153, 64.0, 0.2
"""Rate and weight decay per 1,024 images of plain SGD; BIAS_FACTOR multiplies the rate of the biases of normalisation."""
WARM_UP, FIRST, LAST = 0.23, 0.2, 0.07
"""Share of the steps in which the rate rises, and its factors at the first and at the last step."""
SHIFT, LOOK_AHEAD_EVERY = 2, 5
WHITENING_IMAGES = 5000
"""How many images, drawn at random, the whitening layer is computed from."""
WHITENING_BIAS = 3 / 11
"""Share of the epochs in which the bias of the whitening layer learns; without it the first gradient costs nothing."""


@dataclass(frozen=True)
class Settings:
    """What a training depends on besides its images; `softened` is the share of images that are softened in each epoch."""

    epochs: int
    width: float = 1.0
    seed: int = 1
    softened: float = 0.0
    batch: int = BATCH


@dataclass
class State:
    """The network, its training so far (one dict per epoch) and where it took place (see `exon.runs.provenance`)."""

    network: Airbench
    optimizer: torch.optim.Optimizer
    slow: dict[str, Tensor]
    history: list[dict[str, float]] = field(default_factory=list)
    origin: dict[str, Any] = field(default_factory=dict)


def fit(
    settings: Settings,
    images: Tensor,
    labels: Tensor,
    device: torch.device,
    origin: dict[str, Any] | None = None,
    checkpoint_path: Path | None = None,
) -> State:
    """A network trained on images and labels, in evaluation mode, going on from the checkpoint if there is one.

    The loss of a batch is the sum of -sum_k t_k log w_k(x'), t the smoothed label and x' the augmented image.

    Args:
        images: (N, 3, 32, 32), uint8.
        labels: (N,).
        device: to train on.
        origin: the provenance so far.
        checkpoint_path: written after every epoch; None to keep nothing.

    Raises:
        UserError: the checkpoint is of another training or damaged, or the loss is not finite.
    """
    images, labels = images.to(device), labels.to(device)
    with devices.randomness_of_its_own(device):
        torch.manual_seed(derive_seed(settings.seed, "judge"))
        network = Airbench(int(labels.max()) + 1, settings.width).to(device).to(memory_format=torch.channels_last)
        some = torch.randperm(len(images))[:WHITENING_IMAGES].to(device)  # generated images come sorted by label
        network.whiten_patches(data.to_float(images[some]))
        mirrored = (torch.rand(len(images)) < 0.5).to(device)
        slow = {name: value.clone() for name, value in network.state_dict().items()}
        state = State(network, make_optimizer(network, settings.batch), slow, origin=origin or {})
        torch.manual_seed(derive_seed(settings.seed, "judge training"))
        if checkpoint_path is not None and checkpoint_path.exists():
            _restore(state, settings, checkpoint_path, device)
        for epoch in range(len(state.history), settings.epochs):
            state.history.append(_epoch(state, settings, epoch, images, labels, mirrored ^ bool(epoch % 2)))
            if checkpoint_path is not None:
                _save(state, settings, checkpoint_path, device)
    network.eval()
    return state


def make_optimizer(network: Airbench, batch: int) -> torch.optim.Optimizer:
    """SGD whose step is RATE times the mean gradient of 1,024 images, whatever the momentum and the batch.

    Nesterov momentum m makes a step 1 + 1 / (1 - m) times as long as the gradient; rates are divided by that.
    """
    scale = 1024 * (1 + 1 / (1 - MOMENTUM))
    rate, decay = RATE / scale, DECAY * batch / scale
    learned = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    groups = []
    for of_norm, own in ((True, BIAS_FACTOR * rate), (False, rate)):
        parameters = [parameter for name, parameter in learned if ("norm" in name) == of_norm]
        groups.append({"params": parameters, "lr": own, "rate": own, "weight_decay": decay / own})
    return torch.optim.SGD(groups, momentum=MOMENTUM, nesterov=True)


def rate_factor(t: float) -> float:
    """The factor on all rates at t in [0, 1]: from FIRST up to 1 at WARM_UP, then down to LAST, both linear."""
    if t < WARM_UP:
        return FIRST + (1 - FIRST) * t / WARM_UP
    return 1 + (LAST - 1) * (t - WARM_UP) / (1 - WARM_UP)


@torch.no_grad()
def look_ahead(slow: dict[str, Tensor], network: nn.Module, decay: float) -> None:
    """slow <- decay slow + (1 - decay) w, then w <- slow, for weights and moving averages alike."""
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.copy_(slow[name].lerp_(value, 1 - decay))


def _epoch(
    state: State, settings: Settings, epoch: int, images: Tensor, labels: Tensor, mirrored: Tensor
) -> dict[str, float]:
    start = time.perf_counter()
    network, optimizer = state.network.train(), state.optimizer
    network.whiten.bias.requires_grad_(epoch < WHITENING_BIAS * settings.epochs)  # type: ignore[union-attr]
    batch = min(settings.batch, len(images))
    steps = len(images) // batch
    total, losses = steps * settings.epochs, []
    order = torch.randperm(len(images), device=images.device)[: steps * batch].split(batch)
    for step, index in enumerate(progress(order, steps, f"epoch {epoch + 1}/{settings.epochs}"), epoch * steps):
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * rate_factor(step / total)
        x = data.to_float(images[index])
        x = torch.where(mirrored[index, None, None, None], x.flip(3), x)
        x = augment.random_crop(F.pad(x, 4 * (SHIFT,), mode="reflect"), soften.SIDE)
        loss = F.cross_entropy(
            network(soften.at_random(x, settings.softened)), labels[index], label_smoothing=SMOOTHING, reduction="sum"
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach() / batch)
        if step + 1 == total:
            look_ahead(state.slow, network, 1.0)
        elif (step + 1) % LOOK_AHEAD_EVERY == 0:
            look_ahead(state.slow, network, 0.95**5 * ((step + 1) / total) ** 3)
    mean = torch.stack(losses).mean().item()
    if not math.isfinite(mean):
        raise UserError(
            f"Training diverged in epoch {epoch + 1} (loss {mean}): give another seed than {settings.seed}, or another width."
        )
    return {"epoch": epoch + 1, "loss": mean, "seconds": time.perf_counter() - start}


def _save(state: State, settings: Settings, path: Path, device: torch.device) -> None:
    content = {
        "settings": repr(settings),
        "network": state.network.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "slow": state.slow,
        "history": state.history,
        "origin": state.origin,
        **checkpoint.random_states(device),
    }
    checkpoint.write_archive(content, path)


def _restore(state: State, settings: Settings, path: Path, device: torch.device) -> None:
    parts = ("settings", "network", "optimizer", "slow", "history", "origin", "random")
    content = checkpoint.read_archive(path, itemgetter(*parts))
    foreign = f"another training ({content['settings']})" if content["settings"] != repr(settings) else None
    if foreign := foreign or checkpoint.other_data(content, state.origin.get("data")):
        raise UserError(f"{path} belongs to {foreign}: delete it to start anew.")
    state.network.load_state_dict(content["network"])
    state.optimizer.load_state_dict(content["optimizer"])
    state.slow = {name: value.to(device) for name, value in content["slow"].items()}
    state.history = content["history"]
    if state.origin and content["origin"]:
        state.origin = checkpoint.continued(content["origin"], state.origin, len(state.history), settings.epochs)
    checkpoint.set_random_states(content, device)
