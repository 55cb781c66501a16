"""What a sweep would cost: minutes and megabytes, measured on stored runs of the same kind."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from exon import devices
from exon.errors import UserError
from exon.experiment import Experiment
from exon.files import PART, write_text
from exon.runs import grid, record, sweep


def test_the_plan_measures_minutes_on_stored_runs():
    (row,) = sweep.plan([run for run in grid.load("beta", grid.Asked("paper")) if run.name == "beta-5_seed-1"]).to_dict(
        "records"
    )
    assert row["state"] == "to do"
    assert 30 < row["minutes"] < 3000
    assert "AMD EPYC" in row["measured_on"]
    assert row["megabytes"] > 0


def test_a_run_that_another_process_replaces_while_the_plan_is_made_is_left_out(tmp_path, monkeypatch):
    stored = tmp_path / "results/cpu/mnist/stored"
    shutil.copytree(grid.load("beta")[0].folder, stored, ignore=shutil.ignore_patterns("*.safetensors", "run.ipynb"))
    (stored / f"{PART}lock").touch()
    monkeypatch.setattr(sweep, "from_root", lambda path: tmp_path / path)
    asked = [run for run in grid.load("beta") if run.experiment.seed == 1][:1]
    asked = [replace(asked[0], root=tmp_path / "asked", parameters={"keep_weights": False})]
    unknown = sweep.plan([replace(asked[0], parameters={"keep_weights": True})])
    assert unknown["megabytes"].isna().all()
    assert "MB" not in sweep.summary(unknown, 1)
    (row,) = sweep.plan(asked).to_dict("records")
    kept = sum(path.stat().st_size for path in stored.iterdir() if not path.name.startswith(PART)) / 1e6
    assert row["megabytes"] == pytest.approx(kept)
    read = record.read

    def unlinked(run):
        (run / "run.json").unlink(missing_ok=True)
        return read(run)

    monkeypatch.setattr(record, "read", unlinked)
    assert sweep.plan(asked)["megabytes"].isna().all()


def test_a_damaged_record_of_another_run_costs_no_plan(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "from_root", lambda path: tmp_path / path)
    runs = [replace(run, root=tmp_path / "results") for run in grid.load("quick")]
    other = tmp_path / "results/own/quick/mnist/other"
    write_text(other / "run.json", "{")
    assert set(sweep.plan(runs)["state"]) == {"to do"}
    write_text(tmp_path / runs[0].folder / "run.json", "{")
    with pytest.raises(UserError, match="is not the record of a run"):
        sweep.plan(runs)


def test_no_minutes_are_quoted_for_a_device_that_was_never_measured(monkeypatch):
    monkeypatch.setattr(devices, "choose", lambda _: torch.device("mps"))
    table = sweep.plan([run for run in grid.load("beta", grid.Asked("paper")) if run.name == "beta-5_seed-1"])
    assert table["minutes"].isna().all()
    assert (
        sweep.summary(table, 1)
        == "1 of 1 runs left: cost unknown, since no such run was measured on this kind of device."
    )


@pytest.mark.parametrize(
    "other",
    [
        {"use_elbo": False},
        {"use_sci": False},
        {"use_cross_entropy": False},
        {"width": 0.5},
        {"autoencoder_width": 0.5},
        {"batch_size": 64},
        {"labelled_batch_size": 16},
        {"crop_share": 0.5},
        {"elbo_share": 0.5},
        {"ema_decay": 0.9},
        {"ema_decay": 0.9, "averaged_pseudo_labels": True},
        {"mirrored_evaluation": True},
        {"precision": "bfloat16"},
    ],
)
def test_runs_of_another_pace_lend_none(tmp_path, monkeypatch, other):
    """One stored run alone: its minutes are quoted for other seeds and weights, not for what changes the work of a step."""
    same = {"dataset": "cifar10", "profile": "paper", "device": "cpu"}
    stored = Experiment.create(**same, **({"ema_decay": 0.9} if "averaged_pseudo_labels" in other else {}))
    content = json.loads((grid.load("beta")[0].folder / "run.json").read_text())
    content.pop("sha256", None)
    content["experiment"] = stored.model_dump(mode="json")
    write_text(tmp_path / "results/paper/cifar10/stored/run.json", json.dumps(content))
    monkeypatch.setattr(sweep, "from_root", lambda path: tmp_path / path)
    runs = [
        grid.Run("cifar10", "asked", {}, Experiment.create(**same, **settings), tmp_path)
        for settings in ({**stored.model_dump(include={"ema_decay"}), "seed": 7, "beta": 0.1, "labels": 200}, other)
    ]
    assert sweep.plan(runs)["minutes"].isna().tolist() == [False, True]
