"""The record of a run: results/<profile>/<notebook>/<run>/ with run.json, history.csv, split.json, perhaps weights and arrays."""

import hashlib
import io
import json
import math
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exon import files
from exon.errors import UserError
from exon.experiment import Experiment
from exon.runs import provenance

if TYPE_CHECKING:  # a record is read, and a mistake named, without loading PyTorch
    from torch import Tensor

    from exon.data import Dataset
    from exon.train import Fitted

PUBLISHED_LATER = "EXON_PUBLISHED_LATER"
"""The environment variable by which `exon run` has `save` leave the record unpublished."""

FILES = ("history.csv", "split.json", "model.safetensors", "arrays.safetensors", "run.ipynb", "run.json")
"""All that a run folder may hold."""


def work_folder(run: Path) -> Path:
    """Where a run keeps its checkpoint: $EXON_WORK or .work, then the run folder's own path; never the run folder itself."""
    inside, root = files.from_root(run).resolve(), files.from_root("").resolve()
    relative = inside.relative_to(root) if inside.is_relative_to(root) else Path(*inside.parts[1:])
    folder = files.from_root(os.environ.get("EXON_WORK") or ".work") / relative
    return folder / ".work" if folder.resolve() == inside else folder


def save(
    run: Path,
    experiment: Experiment,
    dataset: "Dataset",
    fitted: "Fitted",
    metrics: dict[str, float],
    keep_weights: bool = True,
    arrays: "dict[str, Tensor] | None" = None,
    parameters: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write a finished run's record and put it, as a whole, in the place of what the folder holds of a run before.

    Under `exon run` it is put there when the executed notebook is ready too.

    Args:
        run: results/<profile>/<notebook>/<run>.
        metrics: name -> value; "seconds", the training time, is added. One that is not finite, such as a ratio to nothing, is
            null in the file.
        keep_weights: also write model.safetensors.
        arrays: name -> tensor, what figures need and no metric holds; written as arrays.safetensors.
        parameters: of the notebook, which are not settings of the experiment.

    Returns:
        The content of run.json: experiment, metrics, parameters, the SHA-256 of the other files, provenance (with the SHA-256
        of the judge, if there is a metric of `exon.runs.judged`), and the SHA-256 of all these.
    """
    import pandas as pd

    from exon.evaluation import judge
    from exon.runs import checkpoint, judged

    indices = {name: value.tolist() for name, value in fitted.split._asdict().items()}
    contents = {
        "history.csv": pd.DataFrame(fitted.history).to_csv(index=False, lineterminator="\n").encode(),
        "split.json": (json.dumps(indices) + "\n").encode(),
    }
    if keep_weights:
        contents["model.safetensors"] = checkpoint.as_safetensors(
            fitted.model.state_dict(), {"experiment": experiment.model_dump_json()}
        )
    if arrays:
        contents["arrays.safetensors"] = checkpoint.as_safetensors(arrays)
    origin = _provenance(dataset, fitted)
    if judged.METRICS & metrics.keys():
        origin["judge"] = judge.identity(experiment.dataset)
    seconds = sum(row["seconds"] for row in fitted.history)
    content: dict[str, Any] = {
        "experiment": experiment.model_dump(mode="json"),
        "metrics": _finite(metrics | {"seconds": seconds}),
        "parameters": {"keep_weights": keep_weights, **(parameters or {})},
        "files": {name: hashlib.sha256(written).hexdigest() for name, written in contents.items()},
        "provenance": origin,
    }
    contents["run.json"] = _sealed(content)
    discard_unpublished(run)
    try:
        for name, written in contents.items():
            files.write_bytes(unpublished(run) / name, written)
    except BaseException:
        discard_unpublished(run)
        raise
    if PUBLISHED_LATER not in os.environ:
        publish(run)
    return content


def unpublished(run: Path) -> Path:
    """Where a record is until it is complete: inside the run folder, so that it can be renamed into it."""
    return run / f"{files.PART}record"


def publish(run: Path) -> None:
    """Put the record that is ready in the place of the one before: all of that first goes, and run.json comes last.

    Whenever this is interrupted, run.json is not there or describes the files beside it, and `finish` does what is left.
    """
    finish(run)
    if not (unpublished(run) / "run.ipynb").exists():  # papermill alone writes it afterwards
        (run / "run.ipynb").unlink(missing_ok=True)
    unpublished(run).replace(_ready(run))
    finish(run)


def finish(run: Path) -> None:
    """Do what a `publish` that was killed has left; nothing if there was none."""
    ready = _ready(run)
    if not ready.exists():
        return
    if (ready / "run.json").exists():
        new = {"run.ipynb", *json.loads((ready / "run.json").read_bytes())["files"]}
        for name in reversed(FILES):
            if name not in new or (ready / name).exists():
                (run / name).unlink(missing_ok=True)
        files.sync_folder(run)
        for name in FILES:
            if (ready / name).exists():
                (ready / name).replace(run / name)
    ready.rmdir()
    files.sync_folder(run)


def _ready(run: Path) -> Path:
    return run / f"{files.PART}ready"


def discard_unpublished(run: Path) -> None:
    """Remove what a killed or failed run left of a record, and the folder if it holds nothing else."""
    shutil.rmtree(unpublished(run), ignore_errors=True)
    with suppress(OSError):
        run.rmdir()


def _provenance(dataset: "Dataset", fitted: "Fitted") -> dict[str, Any]:
    """Of the training, finished now; or of this execution with that of the training in it, if it took place in a stored run."""
    if "finished" not in fitted.origin:
        return provenance.finish(fitted.origin)
    device = fitted.model.prior.means.device
    return {**provenance.finish(provenance.begin(dataset, device)), "training": fitted.origin}


def recall_training(run: Path) -> None:
    """Put the training of a stored run into its work folder, as a finished checkpoint: `train.fit` returns it at once.

    Raises:
        UserError: the folder holds no record, or no weights.
    """
    import pandas as pd

    from exon import train
    from exon.optimization import make_optimizers
    from exon.runs import checkpoint

    content, experiment = read(run), experiment_of(run)
    model = checkpoint.load_weights(experiment, run / "model.safetensors")
    rows = pd.read_csv(io.BytesIO(intact(run / "history.csv")), float_precision="round_trip").to_dict("records")
    history = [{str(name): value for name, value in row.items()} for row in rows]
    pixels = model.decode(model.prior.means[:1]).numel()
    state = checkpoint.State(
        model,
        make_optimizers(experiment, model),
        train.next_beta(experiment, history[-1], pixels),
        history,
        averaged=model if experiment.ema_decay else None,
        origin=training_provenance(content),
    )
    checkpoint.save(state, experiment, work_folder(run) / "checkpoint.pt")


def training_provenance(content: dict[str, Any]) -> dict[str, Any]:
    """Where and when a run was trained: not where its notebook was last executed, if that was done again without training."""
    return content["provenance"].get("training", content["provenance"])


def arrays(run: Path) -> "dict[str, Tensor]":
    """The tensors that a run keeps for figures.

    Raises:
        UserError: there are none, or they are damaged.
    """
    import safetensors.torch

    try:
        return safetensors.torch.load(intact(run / "arrays.safetensors"))
    except (safetensors.SafetensorError, OSError) as error:
        raise UserError(f"{run} holds no arrays.safetensors that can be read ({str(error).splitlines()[0]}).") from None


def intact(path: Path) -> bytes:
    """The content of a file of a run folder.

    Raises:
        UserError: it is not the file that the record beside it was written with. Where none is beside it, or one that names
            no checksums, nothing is compared.
        OSError: there is none.
    """
    content = path.read_bytes()
    expected = read(path.parent)["files"].get(path.name) if (path.parent / "run.json").exists() else None
    if expected and hashlib.sha256(content).hexdigest() != expected:
        raise UserError(f"{path} is not the file that its record was written with: it is damaged, or of another run.")
    return content


def read(run: Path) -> dict[str, Any]:
    """The content of a run's run.json, without the metrics that are null there.

    A setting that came after the record was written has its default.

    Raises:
        UserError: there is none, or it is damaged: not a record, or not what its own checksum, if it has one, was made of.
    """
    path = run / "run.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        changed = content.get("sha256", digest := _digest(content)) != digest
        experiment = Experiment(**content["experiment"])
        parts = {
            "experiment": experiment.model_dump(mode="json"),
            "metrics": {name: value for name, value in content["metrics"].items() if value is not None},
            "parameters": dict(content.get("parameters", {})),
            "files": dict(content.get("files", {})),
            "provenance": content["provenance"],
        }
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise UserError(f"{run} holds no run.json: give the folder of a finished run.") from None
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not the record of a run ({type(error).__name__}).") from None
    if changed:
        raise UserError(f"{path} is not the record that was written: it was damaged or changed afterwards.")
    return parts


def device_minutes(content: dict[str, Any]) -> float:
    """What a record's training took: on a processor the minutes times its threads, on an accelerator the minutes."""
    training = training_provenance(content)
    return content["metrics"]["seconds"] / 60 * (training["threads"] if training["accelerator"] == "none" else 1)


def amend(run: Path, metrics: dict[str, float], provenance: dict[str, Any]) -> list[str]:
    """Add to a record those metrics that it does not name; returns their names. All else that is written there stays.

    Where they come from, with their names, goes to the list `remeasured` of the provenance.
    """
    content = json.loads((run / "run.json").read_bytes())
    added = {name: value for name, value in metrics.items() if name not in content["metrics"]}
    if added:
        content["metrics"] |= _finite(added)
        content["provenance"].setdefault("remeasured", []).append(provenance | {"metrics": list(added)})
        files.write_bytes(run / "run.json", _sealed(content))
    return list(added)


def remeasured(content: dict[str, Any]) -> set[str]:
    """The names of the metrics that were added to a record after its run."""
    return {name for each in content["provenance"].get("remeasured", ()) for name in each["metrics"]}


def _finite(metrics: dict[str, float]) -> dict[str, float | None]:
    """What is not a number, or infinite, is null: JSON has neither."""
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


def _sealed(content: dict[str, Any]) -> bytes:
    """`content` as run.json holds it, with its checksum, which is put into it."""
    content["sha256"] = _digest(content)
    return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()


def _digest(content: dict[str, Any]) -> str:
    """The SHA-256 of a record without its own."""
    own = {name: value for name, value in content.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()


def experiment_of(run: Path) -> Experiment:
    """The experiment that a run's record describes."""
    return Experiment(**read(run)["experiment"])
