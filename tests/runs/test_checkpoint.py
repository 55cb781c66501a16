"""What a checkpoint knows besides weights: its data, its code, and whether it is whole."""

import random
from dataclasses import replace

import pytest
import torch
from tiny import stop_after_the_first_epoch

from exon import data, train
from exon.errors import UserError
from exon.experiment import Experiment
from exon.model import build
from exon.runs import checkpoint, provenance, record

NOW = {"data": {"sha256": "d"}, "code_sha256": "a", "commit": "1", "code_changed": False, "threads": 1}
NOW |= {name: "x" for name in provenance.WATCHED if name not in NOW}


@pytest.fixture
def stopped(tiny, sample, tmp_path):
    """The tiny experiment, stopped after its first of two epochs."""
    path = tmp_path / "checkpoint.pt"
    stop_after_the_first_epoch(tiny, sample, path)
    return path


def test_data_that_changed_in_the_middle_of_a_run_stop_it(stopped, tiny, sample):
    with pytest.raises(UserError, match=r"belongs to other data \(SHA-256 test, here other\): delete it"):
        train.fit(tiny, replace(sample, sha256="other"), stopped)


def test_code_that_changed_in_the_middle_of_a_run_is_said_and_recorded(
    stopped, tiny, sample, fitted, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(provenance, "_code_sha256", lambda: "another")
    monkeypatch.setattr(provenance, "_git", lambda *_: "abcdef")
    done = train.fit(tiny, sample, stopped)
    said = "exon: After epoch 1 of 2 this run goes on with another code than before; its record says so.\n"
    assert capsys.readouterr().err == said
    content = record.save(tmp_path / "run", tiny, sample, done, {}, keep_weights=False)
    (note,) = content["provenance"]["resumed"]
    assert note == {"after_epoch": 1, "code_sha256": "another", "commit": "abcdef", "code_changed": True}
    assert content["provenance"]["code_sha256"] == fitted.origin["code_sha256"]


def test_a_run_that_goes_on_as_it_was_says_nothing(stopped, tiny, sample, capsys):
    assert "resumed" not in train.fit(tiny, sample, stopped).origin
    assert capsys.readouterr().err == ""


def test_every_change_is_noted_once():
    first, changed = provenance.resumed(NOW, NOW | {"threads": 2}, 3)
    assert changed == ["number of threads"]
    again, changed = provenance.resumed(first, NOW | {"threads": 2}, 5)
    assert changed == []
    assert again["resumed"] == [{"after_epoch": 3, "threads": 2}]
    _, changed = provenance.resumed(first, NOW, 5)
    assert changed == ["number of threads"]


def test_a_checkpoint_that_knows_nothing_of_its_origin_is_read(stopped, tiny, sample, fitted):
    content = torch.load(stopped, weights_only=True)
    content["origin"] = None
    torch.save(content, stopped)
    done = train.fit(tiny, sample, stopped)
    assert done.origin["code_sha256"] == fitted.origin["code_sha256"]
    assert torch.equal(done.model.state_dict()["prior.means"], fitted.model.state_dict()["prior.means"])


def test_a_flipped_bit_in_a_checkpoint_is_found(stopped, tiny):
    whole = stopped.read_bytes()
    weights = torch.load(stopped, weights_only=True)["model"]
    tensor = max(weights.values(), key=torch.numel).contiguous().view(torch.uint8).numpy().tobytes()
    start = whole.index(tensor)
    chance = random.Random(1)
    for _ in range(5):
        place = start + chance.randrange(len(tensor))
        stopped.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << chance.randrange(8)]) + whole[place + 1 :])
        with pytest.raises(UserError, match=r"checkpoint\.pt is not a checkpoint that can be read"):
            checkpoint._read(stopped)


@pytest.mark.parametrize("kind", ["own", "another", "other data", "damaged"])
def test_only_a_foreign_checkpoint_is_discarded(stopped, tiny, sample, monkeypatch, kind):
    here = replace(sample, sha256="other") if kind == "other data" else sample
    monkeypatch.setattr(data, "load", lambda *_: here)
    if kind == "damaged":
        stopped.write_bytes(b"")
    e = Experiment.create(**tiny.model_dump() | {"beta": 2.0}) if kind == "another" else tiny
    checkpoint.discard_foreign(e, stopped)
    assert stopped.exists() == (kind == "own")


def test_weights_of_another_experiment_are_refused(tiny, tmp_path):
    model = build(tiny.dataset, tiny.build_prior(), tiny.width)
    other = Experiment.create(**tiny.model_dump() | {"beta": 2.0})
    path = tmp_path / "model.safetensors"
    path.write_bytes(checkpoint.as_safetensors(model.state_dict(), {"experiment": other.model_dump_json()}))
    with pytest.raises(UserError, match=r"weights of another experiment \(beta = 2\.0, here 1\.0\)"):
        checkpoint.load_weights(tiny, path)
