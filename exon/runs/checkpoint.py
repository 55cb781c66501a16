"""Checkpoints of a run in progress, and the weights of a finished one."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from exon.errors import UserError
from exon.experiment import Experiment
from exon.files import atomic_path
from exon.model import EXoN, build


@dataclass
class State:
    """What training changes: the model, its optimizers, beta, and the history so far (one dict per finished epoch).

    `origin` is the provenance of the training (see `exon.runs.provenance`), from when it began.
    """

    model: EXoN
    optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer]
    beta: float
    history: list[dict[str, float]] = field(default_factory=list)
    origin: dict[str, Any] = field(default_factory=dict)


def save(state: State, experiment: Experiment, path: Path) -> None:
    """Write a checkpoint, all or nothing: weights, optimizers, random states, beta and history."""
    content: dict[str, Any] = {
        "experiment": experiment.model_dump_json(),
        "model": state.model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in state.optimizers],
        "beta": state.beta,
        "history": state.history,
        "origin": state.origin,
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    with atomic_path(path) as temporary:
        torch.save(content, temporary)


def restore(state: State, experiment: Experiment, path: Path) -> None:
    """Bring `state` and PyTorch's random states to where the checkpoint left them.

    Raises:
        UserError: the file is damaged, or belongs to another experiment.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        stored = Experiment.model_validate_json(content["experiment"])
    except Exception as error:  # torch.load raises whatever a damaged file leads its reader to
        raise UserError(
            f"{path} is not a checkpoint that can be read ({type(error).__name__}): delete it to start anew."
        ) from error
    if difference := experiment.difference(stored):
        raise UserError(f"{path} belongs to another experiment ({difference}): delete it or choose another run folder.")
    state.model.load_state_dict(content["model"])
    for optimizer, stored_state in zip(state.optimizers, content["optimizers"], strict=True):
        optimizer.load_state_dict(stored_state)
    state.beta, state.history = content["beta"], content["history"]
    state.origin = content.get("origin") or state.origin
    torch.set_rng_state(content["random"])
    if content["random_cuda"]:
        torch.cuda.set_rng_state_all(content["random_cuda"])


def save_weights(network: nn.Module, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a network's weights as safetensors, all or nothing."""
    tensors = {name: tensor.contiguous().cpu() for name, tensor in network.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)


def load_weights(experiment: Experiment, path: Path) -> EXoN:
    """The model of an experiment with the weights of a finished run, in evaluation mode.

    Raises:
        UserError: the file is missing, damaged, or holds weights of another shape.
    """
    model = build(experiment.dataset, experiment.build_prior(), experiment.width)
    try:
        model.load_state_dict(load_file(path))
    except (SafetensorError, OSError, RuntimeError) as error:
        raise UserError(
            f"{path} does not hold the weights of this experiment ({str(error).splitlines()[0]})."
        ) from error
    return model.eval()
