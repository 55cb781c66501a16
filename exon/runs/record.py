"""The record of a run: results/<profile>/<notebook>/<run>/ with run.json, history.csv, split.json, perhaps weights and arrays."""

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from exon import files
from exon.errors import UserError
from exon.experiment import Experiment
from exon.runs import provenance

if TYPE_CHECKING:  # a record is read, and a mistake named, without loading PyTorch
    import pandas as pd
    from torch import Tensor

    from exon.data import Dataset
    from exon.train import Fitted

SETTINGS = ("dataset", "beta", "use_cross_entropy", "use_kl", "use_sci", "labels", "epochs", "width", "seed")
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
        "provenance": _provenance(dataset, fitted),
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
    """One row per run and metric, of all records below `results`; the columns are those of `COLUMNS`."""
    import pandas as pd

    rows = []
    for path in sorted(results.glob("*/*/*/run.json")):
        content = read(path.parent)
        profile, notebook, run = path.parent.relative_to(results).parts
        settings = {"profile": profile, "experiment": notebook, "run": run}
        settings |= {name: content["experiment"][name] for name in SETTINGS}
        rows += [{**settings, "metric": metric, "value": value} for metric, value in content["metrics"].items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))
