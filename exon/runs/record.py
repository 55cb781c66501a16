"""The record of a run: results/<profile>/<notebook>/<run>/ with run.json, history.csv, split.json, perhaps weights and arrays."""

import json
import math
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from exon import files
from exon.errors import UserError
from exon.experiment import Experiment

if TYPE_CHECKING:  # a record is read, and a mistake named, without loading PyTorch
    import pandas as pd
    from torch import Tensor

    from exon.data import Dataset
    from exon.train import Fitted

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "papermill")
SETTINGS = tuple(name for name in Experiment.model_fields if name != "profile")
COLUMNS = ("profile", "experiment", "run", *SETTINGS, "metric", "value")


def work_folder(run: Path) -> Path:
    """Where a run keeps its checkpoint: $EXON_WORK or .work, then the run folder's own path."""
    inside, root = run.resolve(), files.from_root("").resolve()
    relative = inside.relative_to(root) if inside.is_relative_to(root) else Path(*inside.parts[1:])
    return files.from_root(os.environ.get("EXON_WORK") or ".work") / relative


def save(
    run: Path,
    experiment: Experiment,
    dataset: "Dataset",
    fitted: "Fitted",
    metrics: dict[str, float],
    keep_weights: bool = True,
    arrays: "dict[str, Tensor] | None" = None,
) -> dict[str, Any]:
    """Write a finished run's record into its folder, run.json last; returns the content of run.json.

    Args:
        run: results/<profile>/<notebook>/<run>.
        metrics: name -> value; "seconds", the training time, is added. One that is not finite, such as a ratio to nothing, is
            null in the file.
        keep_weights: also write model.safetensors.
        arrays: name -> tensor, what figures need and no metric holds; written as arrays.safetensors.
    """
    import pandas as pd
    from safetensors.torch import save_file

    from exon.runs import checkpoint

    seconds = sum(row["seconds"] for row in fitted.history)
    content = {
        "experiment": experiment.model_dump(mode="json"),
        "metrics": {
            name: value if math.isfinite(value) else None for name, value in (metrics | {"seconds": seconds}).items()
        },
        "provenance": provenance(dataset) | ({"training": fitted.origin} if fitted.origin else {}),
    }
    with files.atomic_path(run / "history.csv") as temporary:
        pd.DataFrame(fitted.history).to_csv(temporary, index=False)
    indices = {name: value.tolist() for name, value in fitted.split._asdict().items()}
    files.write_text(run / "split.json", json.dumps(indices) + "\n")
    if keep_weights:
        metadata = {"experiment": experiment.model_dump_json()}
        checkpoint.save_weights(fitted.model, run / "model.safetensors", metadata)
    if arrays:
        with files.atomic_path(run / "arrays.safetensors") as temporary:
            save_file({name: tensor.contiguous().cpu() for name, tensor in arrays.items()}, temporary)
    files.write_text(run / "run.json", json.dumps(content, indent=1, allow_nan=False) + "\n")
    return content


def recall_training(run: Path) -> None:
    """Put the training of a stored run into its work folder, as a finished checkpoint: `train.fit` returns it at once.

    Raises:
        UserError: the folder holds no record, or no weights.
    """
    import pandas as pd

    from exon import train
    from exon.runs import checkpoint

    content, experiment = read(run), experiment_of(run)
    model = checkpoint.load_weights(experiment, run / "model.safetensors")
    rows = pd.read_csv(run / "history.csv", float_precision="round_trip").to_dict("records")
    history = [{str(name): value for name, value in row.items()} for row in rows]
    pixels = model.decode(model.prior.means[:1]).numel()
    state = checkpoint.State(
        model,
        train.make_optimizers(experiment, model),
        train.next_beta(experiment, history[-1]["train_recon"], pixels),
        history,
        origin=training_provenance(content),
    )
    checkpoint.save(state, experiment, work_folder(run) / "checkpoint.pt")


def training_provenance(content: dict[str, Any]) -> dict[str, Any]:
    """Where and when a run was trained: not where its notebook was last executed, if that was done again without training."""
    return content["provenance"].get("training", content["provenance"])


def provenance(dataset: "Dataset") -> dict[str, Any]:
    """What a number depends on besides the experiment: data, code, packages and hardware."""
    import torch

    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD") or "unknown",
        "code_changed": bool(_git("status", "--porcelain", "--", "exon", "notebooks")),
        "data": {"name": dataset.name, "source": dataset.source, "sha256": dataset.sha256},
        "processor": _processor(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "threads": torch.get_num_threads(),
        "memory_gib": _memory_gib(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }


def arrays(run: Path) -> "dict[str, Tensor]":
    """The tensors that a run keeps for figures.

    Raises:
        UserError: there are none, or they are damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(run / "arrays.safetensors")
    except (SafetensorError, OSError) as error:
        raise UserError(f"{run} holds no arrays.safetensors that can be read ({str(error).splitlines()[0]}).") from None


def read(run: Path) -> dict[str, Any]:
    """The content of a run's run.json, without the metrics that are null there.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = run / "run.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        Experiment.model_validate_json(json.dumps(content["experiment"]))
        measured = {name: value for name, value in content["metrics"].items() if value is not None}
        return {"experiment": content["experiment"], "metrics": measured, "provenance": content["provenance"]}
    except FileNotFoundError:
        raise UserError(f"{run} holds no run.json: give the folder of a finished run.") from None
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError, ValidationError) as error:
        raise UserError(f"{path} is not the record of a run ({type(error).__name__}).") from None


def experiment_of(run: Path) -> Experiment:
    """The experiment that a run's record describes."""
    return Experiment.model_validate_json(json.dumps(read(run)["experiment"]))


def summarize(results: Path) -> "pd.DataFrame":
    """One row per run and metric, of all records below `results`; the columns are those of `COLUMNS`: every setting has one."""
    import pandas as pd

    rows = []
    for path in sorted(results.glob("*/*/*/run.json")):
        content = read(path.parent)
        profile, notebook, run = path.parent.relative_to(results).parts
        settings = {"profile": profile, "experiment": notebook, "run": run}
        settings |= {name: _cell(value) for name, value in experiment_of(path.parent) if name in SETTINGS}
        rows += [{**settings, "metric": metric, "value": value} for metric, value in content["metrics"].items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _cell(value: Any) -> Any:
    """A setting as one cell of a table: the list of classes is written as "0 1"."""
    return " ".join(map(str, value)) if isinstance(value, tuple) else value


def hardware(provenance: dict[str, Any]) -> str:
    """What a run was computed on, in words: the accelerator, or else the processor."""
    return processor_name(provenance["processor"]) if provenance["accelerator"] == "none" else provenance["accelerator"]


def processor_name(processor: str | dict[str, Any]) -> str:
    """A processor in words; older records hold only those, newer ones what decides on its arithmetic too."""
    return processor if isinstance(processor, str) else " ".join(map(str, processor.values()))


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    """The most memory that this process has held so far, in GiB: the GPU's where there is one; None where it is not known."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_reserved() / 2**30
    try:
        import resource
    except ImportError:  # there is none on Windows
        return None
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
