"""Checkpoints of a run in progress, and the weights of a finished one."""

import io
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from exon import files
from exon.errors import UserError
from exon.experiment import Experiment
from exon.model import EXoN, build_for
from exon.runs import provenance, record


@dataclass
class State:
    """What training changes: the model, its optimizers, beta, the history so far (one dict per finished epoch), and the average
    of the model's weights where there is one.

    `origin` is the provenance of the training (see `exon.runs.provenance`), from when it began.
    """

    model: EXoN
    optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer]
    beta: float
    history: list[dict[str, float]] = field(default_factory=list)
    averaged: EXoN | None = None
    origin: dict[str, Any] = field(default_factory=dict)


def save(state: State, experiment: Experiment, path: Path) -> None:
    """Write a checkpoint, all or nothing: weights, their average, optimizers, random states, beta, history and provenance."""
    device = state.model.prior.means.device
    content: dict[str, Any] = {
        "experiment": experiment.model_dump_json(),
        "model": state.model.state_dict(),
        "averaged": None if state.averaged is None else state.averaged.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in state.optimizers],
        "beta": state.beta,
        "history": state.history,
        "origin": state.origin,
        **random_states(device),
    }
    write_archive(content, path)


def restore(state: State, experiment: Experiment, path: Path) -> None:
    """Bring `state` and PyTorch's random states to where the checkpoint left them.

    Code, packages or hardware that changed since are said on standard error, and recorded in `state.origin`.

    Raises:
        UserError: the file is damaged, or belongs to another experiment or other data.
    """
    content = _read(path)
    if foreign := _foreign(content, experiment, state.origin.get("data")):
        raise UserError(f"{path} belongs to {foreign}: delete it, use --force or choose another run folder.")
    state.model.load_state_dict(content["model"])
    if state.averaged is not None:
        state.averaged.load_state_dict(content["averaged"])
    for optimizer, stored_state in zip(state.optimizers, content["optimizers"], strict=True):
        optimizer.load_state_dict(stored_state)
    state.beta, state.history = content["beta"], content["history"]
    if then := content.get("origin"):
        state.origin = continued(then, state.origin, len(state.history), experiment.epochs)
    set_random_states(content, state.model.prior.means.device)


def continued(then: dict[str, Any], now: dict[str, Any], epoch: int, epochs: int) -> dict[str, Any]:
    """The provenance of a training that goes on after an epoch; what changed since it began is said on standard error."""
    origin, changed = provenance.resumed(then, now, epoch)
    if changed:
        print(
            f"exon: After epoch {epoch} of {epochs} this run goes on with another "
            f"{', '.join(changed)} than before; its record says so.",
            file=sys.stderr,
        )
    return origin


def random_states(device: torch.device) -> dict[str, Any]:
    """PyTorch's random states as a checkpoint holds them: of the CPU, and of the device by its type."""
    of_device = {} if device.type == "cpu" else {device.type: torch.get_device_module(device).get_rng_state(device)}
    return {"random": torch.get_rng_state(), "random_of": of_device}


def set_random_states(content: dict[str, Any], device: torch.device) -> None:
    """Set PyTorch's random states from a checkpoint; the device's only where the checkpoint is of such a device."""
    torch.set_rng_state(content["random"])
    of_device = content.get("random_of") or {}
    if device.type in of_device:
        torch.get_device_module(device).set_rng_state(of_device[device.type], device)


def discard_foreign(experiment: Experiment, path: Path) -> None:
    """Delete a checkpoint from which the experiment, on the data as they are here, could not go on."""
    from exon import data

    if not path.exists():
        return
    dataset = data.load(experiment.dataset, experiment.source)
    try:
        if not _foreign(_read(path), experiment, provenance.data_of(dataset)):
            return
    except UserError:
        pass
    path.unlink()


def _read(path: Path) -> dict[str, Any]:
    return read_archive(path, lambda content: Experiment.model_validate_json(content["experiment"]))


def write_archive(content: dict[str, Any], path: Path) -> None:
    """Write what `read_archive` reads, all or nothing."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    files.write_bytes(path, buffer.getbuffer())


def read_archive(path: Path, check: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The content of a checkpoint, on the CPU, whose checksums are right: PyTorch's own reader does not compare them.

    Args:
        check: fails on what is no checkpoint of this kind.

    Raises:
        UserError: the file is damaged, or `check` fails.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(damaged)
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        check(content)
    except Exception as error:  # torch.load raises whatever a damaged file leads its reader to
        raise UserError(
            f"{path} is not a checkpoint that can be read ({type(error).__name__}): delete it to start anew."
        ) from error
    return content


def _foreign(content: dict[str, Any], experiment: Experiment, data: dict[str, str] | None) -> str | None:
    """What else a checkpoint belongs to than this experiment on these data, or None."""
    if difference := experiment.difference(Experiment.model_validate_json(content["experiment"])):
        return f"another experiment ({difference})"
    return other_data(content, data)


def other_data(content: dict[str, Any], data: dict[str, str] | None) -> str | None:
    """The data that a checkpoint is of, in words, where they are known not to be these; else None."""
    then = (content.get("origin") or {}).get("data")
    if then and data and then["sha256"] != data["sha256"]:
        return f"other data (SHA-256 {then['sha256'][:12]}, here {data['sha256'][:12]})"
    return None


def as_safetensors(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """Tensors by name, as a network's weights are, as the content of a safetensors file."""
    return safetensors.torch.save({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, metadata)


def load_weights(experiment: Experiment, path: Path) -> EXoN:
    """The model of an experiment with the weights of a finished run, in evaluation mode.

    Raises:
        UserError: the file is missing, damaged, or holds weights of another shape or another experiment.
    """
    model = build_for(experiment)
    try:
        model.load_state_dict(safetensors.torch.load(record.intact(path)))
        with safetensors.safe_open(path, framework="pt") as file:
            origin = (file.metadata() or {}).get("experiment")
        difference = experiment.difference(Experiment.model_validate_json(origin)) if origin else None
    except UserError:
        raise
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        raise UserError(
            f"{path} does not hold the weights of this experiment ({str(error).splitlines()[0]})."
        ) from error
    if difference:
        raise UserError(f"{path} holds the weights of another experiment ({difference}).")
    return model.eval()
