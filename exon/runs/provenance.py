"""What a number depends on besides the experiment: data, code, packages and hardware."""

import hashlib
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exon.runs import arithmetic
from exon.runs.processor import processor, words

if TYPE_CHECKING:
    import torch

    from exon.data import Dataset

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "papermill")
WATCHED = {
    "code_sha256": "code",
    "packages": "set of packages",
    "python": "Python",
    "processor": "processor",
    "device": "device",
    "accelerator": "accelerator",
    "threads": "number of threads",
    "arithmetic": "arithmetic",
}
"""What the bits of a result may depend on, and should not change in the course of a training."""
PACKAGE_FOLDER = Path(__file__).resolve().parents[1]


def begin(dataset: "Dataset", device: "torch.device | None" = None) -> dict[str, Any]:
    """What is known when a training begins; `finish` adds the rest.

    Args:
        device: that the training takes place on; the CPU if None.
    """
    import torch

    from exon import devices

    device = device or torch.device("cpu")
    return {
        "commit": _git("rev-parse", "HEAD") or "unknown",
        "code_changed": bool(_git("status", "--porcelain", "--", "exon", "notebooks")),
        "code_sha256": _code_sha256(),
        "data": data_of(dataset),
        "processor": processor(),
        "device": device.type,
        "accelerator": devices.accelerator(device),
        "threads": torch.get_num_threads(),
        "arithmetic": arithmetic.in_force() if device.type == "cpu" else "native",
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }


def finish(begun: dict[str, Any]) -> dict[str, Any]:
    """The same with the time, and the most memory that this process has held so far."""
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    return {"finished": finished, **begun, "memory_gib": _memory_gib(begun["device"])}


def data_of(dataset: "Dataset") -> dict[str, str]:
    """Which data these are, to the bit."""
    return {"name": dataset.name, "source": dataset.source, "sha256": dataset.sha256}


def resumed(then: dict[str, Any], now: dict[str, Any], epoch: int) -> tuple[dict[str, Any], list[str]]:
    """The provenance of a training that goes on after `epoch`, and the names of what is not as it was before.

    What changed is noted under "resumed". A training that has "finished", in the record of a stored run, stays as it was.
    """
    if "finished" in then:
        return then, []
    before = dict(then)
    for note in then.get("resumed", []):
        before |= note
    changed = [key for key in WATCHED if key in before and before[key] != now[key]]
    if not changed:
        return then, []
    keys = [*changed, *(("commit", "code_changed") if "code_sha256" in changed else ())]
    note = {"after_epoch": epoch, **{key: now[key] for key in keys}}
    return {**then, "resumed": [*then.get("resumed", []), note]}, [WATCHED[key] for key in changed]


@cache
def _code_sha256() -> str:
    """Of the package's modules: it tells one uncommitted change from another, and is the same after a commit elsewhere."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE_FOLDER.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE_FOLDER).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(PACKAGE_FOLDER.parent), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _memory_gib(device: str) -> float | None:
    """The most memory held so far, in GiB: the GPU's where that is the device; None where it is not known."""
    import torch

    if device == "cuda":
        return torch.cuda.max_memory_reserved() / 2**30
    try:
        import resource
    except ImportError:  # there is none on Windows
        return None
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def hardware(origin: dict[str, Any]) -> str:
    """What a run was computed on, in words: the accelerator, or else the processor."""
    return words(origin["processor"]) if origin["accelerator"] == "none" else origin["accelerator"]
