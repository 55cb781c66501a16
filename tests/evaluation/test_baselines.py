import json

import pytest

from exon import data
from exon.errors import UserError
from exon.evaluation import baselines, latent


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(baselines, "path", lambda dataset: tmp_path / f"{dataset}.json")
    return tmp_path / "mnist.json"


def test_the_record_is_what_was_measured_and_where(kept):
    sample = data.load("mnist", "sample")
    baselines.write(sample)
    record = json.loads(kept.read_text())
    measured = latent.without_model(sample.test_images, sample.test_labels)
    assert record["metrics"] == pytest.approx(measured | {"images": 1000, "components": 2})
    assert record["provenance"]["data"]["source"] == "sample"
    words = {"raw pixels", "2 principal components", "chance"}
    assert baselines.lines("mnist").keys() == words
    assert baselines.lines("mnist")["chance"] == pytest.approx(measured["purity_chance_pct"])


def test_without_a_record_there_is_no_line_and_it_says_how_to_make_one(kept):
    assert baselines.lines("mnist") == {}
    with pytest.raises(UserError, match="run `python -m exon baselines mnist`"):
        baselines.read("mnist")
    kept.write_text("[]")
    with pytest.raises(UserError, match="is not a record of baselines"):
        baselines.read("mnist")
