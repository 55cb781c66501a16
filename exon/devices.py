"""Where a run computes: the device, its random state, and what to say when its memory is too small."""

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from exon.errors import UserError
from exon.experiment import Experiment


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


def randomness_of_its_own(device: torch.device) -> AbstractContextManager[None]:
    """Afterwards the random states of PyTorch, of the CPU and of the device, are what they were before."""
    return torch.random.fork_rng([] if device.type == "cpu" else [device], device_type=device.type)


@contextmanager
def advice_on_memory(experiment: Experiment) -> Iterator[None]:
    """Where memory runs out, a UserError that names the settings to lower; other errors pass."""
    try:
        yield
    except RuntimeError as error:
        if not re.search("out of memory|ALLOC_FAILED|not enough memory|can't allocate memory", str(error)):
            raise
        settings = f"batch_size = {experiment.batch_size} and width = {experiment.width}"
        raise UserError(f"The memory is too small for {settings}: give a smaller batch_size or width.") from error
