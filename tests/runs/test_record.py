import errno
import json
import math
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
import torch

from exon import train
from exon.errors import UserError
from exon.experiment import Experiment
from exon.runs import checkpoint, record, summary


@pytest.fixture
def stored(tmp_path, tiny, sample, fitted):
    run = tmp_path / "results" / "smoke" / "mnist" / "first"
    record.save(run, tiny, sample, fitted, {"test_error_pct": 12.5})
    return run


def test_a_record_says_what_was_run_on_what(stored, tiny, sample, fitted):
    content = record.read(stored)
    assert record.experiment_of(stored) == tiny
    assert content["metrics"]["test_error_pct"] == 12.5
    assert content["metrics"]["seconds"] == pytest.approx(sum(row["seconds"] for row in fitted.history))
    assert content["provenance"]["data"] == {"name": "mnist", "source": "sample", "sha256": "test"}
    assert content["provenance"]["packages"].keys() >= {"torch", "numpy"}
    assert content["provenance"]["threads"] >= 1
    assert 0.01 < content["provenance"]["memory_gib"] < 1000
    history = pd.read_csv(stored / "history.csv")
    assert history["test_error_pct"].tolist() == [row["test_error_pct"] for row in fitted.history]
    split = json.loads((stored / "split.json").read_text())
    assert split["labelled"] == fitted.split.labelled.tolist()
    assert len(set(split["labelled"]) & set(split["validation"])) == 0
    assert checkpoint.load_weights(tiny, stored / "model.safetensors").prior.num_classes == 10
    assert {path.name for path in stored.iterdir()} == {"run.json", "history.csv", "split.json", "model.safetensors"}


def test_weights_are_kept_only_on_request(tmp_path, tiny, sample, fitted):
    record.save(tmp_path / "run", tiny, sample, fitted, {}, keep_weights=False)
    assert not (tmp_path / "run" / "model.safetensors").exists()


def strict_json(path):
    """The content of a JSON file; NaN and Infinity, which only Python writes, are refused."""

    def refuse(constant):
        raise AssertionError(f"{constant} in {path}")

    return json.loads(path.read_text(), parse_constant=refuse)


def test_a_metric_that_is_not_finite_is_no_number_of_the_record(tmp_path, tiny, sample, fitted):
    metrics = {"change_ratio": math.inf, "change_ratio_low": math.nan, "kl": 1.5}
    record.save(tmp_path / "run", tiny, sample, fitted, metrics, keep_weights=False)
    content = strict_json(tmp_path / "run" / "run.json")
    assert content["metrics"]["change_ratio"] is content["metrics"]["change_ratio_low"] is None
    assert record.read(tmp_path / "run")["metrics"].keys() == {"kl", "seconds"}


def test_stored_json_is_read_by_strict_readers():
    for path in Path("results").rglob("*.json"):
        strict_json(path)


def test_the_summary_is_tidy(stored, tiny):
    table = summary.summarize(stored.parents[2])
    assert list(table.columns) == list(summary.COLUMNS)
    row = table[table["metric"] == "test_error_pct"].iloc[0]
    assert (row["profile"], row["experiment"], row["run"], row["value"]) == ("smoke", "mnist", "first", 12.5)
    assert all(row[name] == value or value is None for name, value in tiny if name != "classes")
    assert len(table) == 2


def test_the_stored_summary_is_that_of_the_stored_records():
    stored = Path("results/summary/runs.csv").read_text()
    assert stored == summary.summarize(Path("results")).to_csv(index=False)


def test_settings_that_are_lists_or_absent_survive_the_table(tmp_path, sample, fitted):
    pair = Experiment.create(profile="smoke", prior="line", distance=4.0, classes=[3, 7], labels=20, validation=100)
    record.save(tmp_path / "smoke" / "mnist" / "pair", pair, sample, fitted, {"kl": 1.0}, keep_weights=False)
    all_digits = Experiment.create(profile="smoke")
    record.save(tmp_path / "smoke" / "mnist" / "all", all_digits, sample, fitted, {"kl": 1.0}, keep_weights=False)
    content = StringIO(summary.summarize(tmp_path).to_csv(index=False))
    table = pd.read_csv(content).query("metric == 'kl'").set_index("run")
    assert table.loc["pair", "classes"] == "3 7"
    assert table.loc["all", ["classes", "distance"]].isna().all()


def test_an_empty_folder_has_an_empty_summary(tmp_path):
    assert summary.summarize(tmp_path).empty


@pytest.mark.parametrize(
    "content", ["", "{}", '{"experiment": {"betta": 1}, "metrics": {}, "provenance": {}}', "[]", "\xff"]
)
def test_a_damaged_record_is_named(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=r"run\.json is not the record of a run"):
        record.read(tmp_path)


def test_a_missing_record_is_named(tmp_path):
    with pytest.raises(UserError, match=r"holds no run\.json"):
        record.read(tmp_path)


def test_the_work_folder_follows_the_run_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("EXON_WORK", str(tmp_path))
    assert record.work_folder(Path("results/cpu/mnist/a")) == tmp_path / "results/cpu/mnist/a"
    assert record.work_folder(Path("/elsewhere/b")) == tmp_path / "elsewhere/b"


def test_a_recalled_training_is_finished_and_the_same(stored, tiny, sample, fitted):
    run = stored
    record.recall_training(run)
    again = train.fit(tiny, sample, record.work_folder(run) / "checkpoint.pt")
    assert again.history == fitted.history
    for name, tensor in fitted.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name
    assert again.origin == record.read(run)["provenance"]


def test_a_redrawn_record_keeps_where_it_was_trained(stored, tiny, sample):
    first = record.read(stored)["provenance"]
    for _ in range(2):
        record.recall_training(stored)
        again = train.fit(tiny, sample, record.work_folder(stored) / "checkpoint.pt")
        record.save(stored, tiny, sample, again, {"kl": 1.0})
        assert record.training_provenance(record.read(stored)) == first


def test_a_run_without_weights_cannot_be_recalled(stored):
    (stored / "model.safetensors").unlink()
    with pytest.raises(UserError, match="does not hold the weights"):
        record.recall_training(stored)


def test_arrays_come_back(tmp_path, tiny, sample, fitted):
    z = torch.randn(5, 2).half()
    record.save(tmp_path / "run", tiny, sample, fitted, {"kl": 1.0}, keep_weights=False, arrays={"z": z})
    assert torch.equal(record.arrays(tmp_path / "run")["z"], z)
    (tmp_path / "run" / "arrays.safetensors").write_bytes(b"broken")
    with pytest.raises(UserError, match=r"arrays\.safetensors is not the file that its record"):
        record.arrays(tmp_path / "run")
    (tmp_path / "run" / "run.json").unlink()
    with pytest.raises(UserError, match=r"holds no arrays\.safetensors that can be read"):
        record.arrays(tmp_path / "run")


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_a_run_folder_never_holds_files_of_two_runs(tmp_path, tiny, sample, fitted, monkeypatch):
    run = tmp_path / "run"
    record.save(run, tiny, sample, fitted, {"kl": 1.0}, arrays={"z": torch.zeros(1)})
    for name in ("run.ipynb", "notes.txt"):
        (run / name).write_text("before")
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    held = []

    def watch(method):
        def watched(self, *arguments, **options):
            method(self, *arguments, **options)
            held.append({name for name in names(run) if (run / name).is_file()})

        return watched

    for step in ("unlink", "replace"):
        monkeypatch.setattr(Path, step, watch(getattr(Path, step)))
    record.save(run, tiny, sample, fitted, {"kl": 2.0}, keep_weights=False)
    new = {"run.json", "history.csv", "split.json"}
    assert names(run) == {*new, "notes.txt"}
    gone = held.index({"notes.txt"})
    assert all(held_then <= before.keys() for held_then in held[:gone])
    last = [held_then - {"notes.txt"} for held_then in held if held_then != before.keys()][-3:]
    assert all(held_then <= {*new, "notes.txt"} for held_then in held[gone:])
    assert last == [{"history.csv"}, {"history.csv", "split.json"}, new]


@pytest.mark.parametrize("moved", range(1, 5))
def test_a_publication_that_was_killed_is_finished(stored, tiny, sample, fitted, monkeypatch, moved):
    """Between any two of its renames: all files are those of the new run, whatever the run before it had kept."""
    (stored / "arrays.safetensors").write_text("of the run before")
    monkeypatch.setenv(record.PUBLISHED_LATER, "1")
    record.save(stored, tiny, sample, fitted, {"kl": 2.0})
    (record.unpublished(stored) / "run.ipynb").write_text("new")
    new = {path.name: path.read_bytes() for path in record.unpublished(stored).iterdir()}
    renames, replace = [], Path.replace

    def killed(self, target):
        if len(renames) == moved:
            raise KeyboardInterrupt
        renames.append(target)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        record.publish(stored)
    assert not (stored / "run.json").exists()
    monkeypatch.setattr(Path, "replace", replace)
    record.finish(stored)
    assert {path.name: path.read_bytes() for path in stored.iterdir()} == new
    record.finish(stored)


def test_a_bit_that_flipped_in_a_record_is_noticed(stored):
    record.read(stored)
    path = stored / "run.json"
    path.write_text(path.read_text().replace('"epochs": 2,', '"epochs": 3,'))
    with pytest.raises(UserError, match=r"run\.json is not the record that was written: it was damaged or changed"):
        record.read(stored)


def test_a_record_that_cannot_be_written_leaves_the_one_before(stored, tiny, sample, fitted, monkeypatch):
    before = {path.name: path.read_bytes() for path in stored.iterdir()}
    write = Path.write_bytes

    def full(self, content):
        if self.name.endswith("run.json"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match=r"run\.json cannot be written \(No space left on device\)"):
        record.save(stored, tiny, sample, fitted, {"kl": 1.0})
    assert {path.name: path.read_bytes() for path in stored.iterdir()} == before


@pytest.mark.parametrize("name", ["model.safetensors", "arrays.safetensors", "history.csv"])
def test_a_file_that_is_not_the_records_own_is_named(stored, tiny, sample, fitted, name):
    record.save(stored, tiny, sample, fitted, {}, arrays={"z": torch.zeros(4)})
    record.intact(stored / name)
    content = bytearray((stored / name).read_bytes())
    content[-2] ^= 1
    (stored / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name} is not the file that its record was written with"):
        record.arrays(stored) if name == "arrays.safetensors" else record.recall_training(stored)


def test_a_record_without_parameters_and_checksums_is_read(stored):
    content = json.loads((stored / "run.json").read_text())
    assert content.pop("parameters") == {"keep_weights": True}
    content.pop("files")
    content.pop("sha256")
    (stored / "run.json").write_text(json.dumps(content))
    assert record.read(stored)["parameters"] == record.read(stored)["files"] == {}
    record.recall_training(stored)


def test_a_setting_that_came_after_the_record_has_its_default(stored):
    content = json.loads((stored / "run.json").read_text())
    content.pop("sha256")
    expected = dict(content["experiment"])
    for name in ("use_elbo", "recipe"):
        del content["experiment"][name]
    (stored / "run.json").write_text(json.dumps(content))
    assert record.read(stored)["experiment"] == expected


@pytest.mark.parametrize("work", ["", "."])
def test_the_work_folder_of_a_run_is_never_its_own_folder(monkeypatch, tmp_path, work):
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXON_WORK", work)
    expected = tmp_path / "results/a/.work" if work else tmp_path / ".work/results/a"
    assert record.work_folder(Path("results/a")).resolve() == expected
