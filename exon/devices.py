"""Where a run computes: the device, and its random state."""

import os
from contextlib import AbstractContextManager

import torch

from exon.errors import UserError


def choose(name: str) -> torch.device:
    """The device of that name; for "auto" CUDA, else MPS, else the CPU.

    CUDA is set to deterministic algorithms and to full float32 (no TF32) for the whole process; PyTorch warns of an operation
    that has no deterministic one.

    Raises:
        UserError: the device is not there.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, there in available.items() if there)
    if not available[name]:
        raise UserError(
            f"device = {name!r} is not available here: give {' or '.join(repr(k) for k, t in available.items() if t)}."
        )
    if name == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it when it is first used
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return torch.device(name)


def accelerator(device: torch.device) -> str:
    """What computes, as a record names it: the name of a CUDA device, "none" for the CPU, the type of any other."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "none" if device.type == "cpu" else device.type


def randomness_of_its_own(device: torch.device) -> AbstractContextManager[None]:
    """Afterwards the random states of PyTorch, of the CPU and of the device, are what they were before."""
    return torch.random.fork_rng([] if device.type == "cpu" else [device], device_type=device.type)
