import json
import math

import pytest
import torch

from exon import files
from exon.evaluation import traits
from exon.runs import record, verify


@pytest.fixture
def stored(tmp_path, tiny, fitted, whole):
    """Store a run of the tiny experiment whose codes are at the centers of their labels; returns its folder."""
    z = tiny.build_prior().sample(whole.test_labels, torch.Generator().manual_seed(0))

    def store(labels=whole.test_labels, **more):
        arrays = {"z": z.half(), "labels": labels.byte()} | more
        record.save(
            tmp_path / "run", tiny, whole, fitted, {"kl": 1.0, "ratio": math.nan}, keep_weights=False, arrays=arrays
        )
        return tmp_path / "run"

    return store


def test_what_a_record_lacks_is_added_and_nothing_else_changes(exon, stored, tiny, whole):
    run = stored()
    before = record.read(run)
    code, said, _ = exon("remeasure", run)
    after = record.read(run)
    assert code == 0
    z = record.arrays(run)["z"].float()
    expected = traits.summarize(z, whole.test_labels, whole.test_images, tiny.build_prior())
    assert after["metrics"] == before["metrics"] | expected
    assert said == f"{run}: {', '.join(expected)}\n"
    assert record.remeasured(after) == set(expected)
    (again,) = after["provenance"].pop("remeasured")
    assert again["data"]["source"] == "sample"
    assert {**after, "metrics": None} == {**before, "metrics": None}
    assert verify.compare(run, run).passed


def test_a_run_that_measures_the_same_from_whole_codes_repeats_it(exon, stored, tiny, whole, fitted, tmp_path):
    """What was added is of codes in half precision: it is not held against the bits of a run anew."""
    run = stored()
    exon("remeasure", run)
    again = {name: 1.1 * value for name, value in record.read(run)["metrics"].items() if "trait" in name}
    record.save(tmp_path / "again", tiny, whole, fitted, {"kl": 1.0, "ratio": math.nan, **again}, keep_weights=False)
    for pair in ((run, tmp_path / "again"), (tmp_path / "again", run)):
        verdict = verify.compare(*pair)
        assert verdict.passed
        assert [line.metric for line in verdict.lines] == ["kl"]


def test_what_is_no_number_is_added_once_as_null(stored):
    run = stored()
    assert record.amend(run, {"kl": 2.0, "trait_width": math.nan}, {"finished": "first"}) == ["trait_width"]
    assert record.amend(run, {"trait_width": 1.0}, {"finished": "again"}) == []
    assert record.amend(run, {"trait_slant": 1.0}, {"finished": "later"}) == ["trait_slant"]
    content = json.loads((run / "run.json").read_bytes())
    assert content["metrics"]["trait_width"] is None
    assert [each["finished"] for each in record.read(run)["provenance"]["remeasured"]] == ["first", "later"]


def test_a_metric_that_is_there_stays(exon, stored):
    run = stored()
    exon("remeasure", run)
    content = (run / "run.json").read_bytes()
    assert exon("remeasure", run)[:2] == (0, f"{run}: nothing to add\n")
    assert (run / "run.json").read_bytes() == content
    assert json.loads(content)["metrics"]["kl"] == 1.0
    assert json.loads(content)["metrics"]["ratio"] is None


def test_codes_of_other_images_are_refused(exon, stored, whole):
    run = stored(labels=whole.test_labels.flip(0))
    said = f"exon: {run} keeps codes of other test images than mnist has here.\n"
    assert exon("remeasure", run) == (2, "", said)


def test_a_folder_that_is_not_there_is_named_and_not_made(exon, tmp_path):
    run = tmp_path / "typo"
    said = f"exon: {run} does not exist: give the folder of a stored run that keeps its codes.\n"
    assert exon("remeasure", run) == (2, "", said)
    assert not run.exists()


def test_a_second_copy_waits_for_the_first(exon, stored):
    run = stored()
    with files.alone(run, run):
        assert "Another process is at work" in exon("remeasure", run)[2]


def test_a_run_without_codes_is_named(exon):
    run = "results/cpu/cifar10/beta-1_seed-1"
    said = f"exon: {run} keeps no codes: give the folder of a run whose arrays.safetensors holds z and labels.\n"
    assert exon("remeasure", run) == (2, "", said)
