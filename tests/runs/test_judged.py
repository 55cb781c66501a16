import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from exon.evaluation import judge, tables
from exon.experiment import Experiment
from exon.files import write_text
from exon.runs import judged, record, verify

METRICS = {"test_error_pct": 25.0, "generation_error_pct": 80.0, "judge_score": 1.5}


@pytest.fixture
def store(tmp_path):
    """Write a record of a data set and a judge; returns its folder."""

    def write(name, judge=None, dataset="cifar10", metrics=METRICS, **settings):
        experiment = Experiment.create(dataset=dataset, profile="cpu", **settings)
        content = {
            "experiment": experiment.model_dump(mode="json"),
            "metrics": {"seconds": 60.0, **metrics},
            "provenance": {
                "data": {"name": dataset, "source": "npm", "sha256": "a"},
                "processor": "AMD EPYC",
                "accelerator": "none",
                "threads": 1,
                "packages": {},
                **({"judge": judge} if judge else {}),
            },
        }
        folder = tmp_path / "results" / "cpu" / dataset / name
        write_text(folder / "run.json", json.dumps(content))
        return folder

    return write


def test_a_record_names_the_judge_if_it_has_a_metric_of_it(tmp_path, tiny, sample, fitted):
    record.save(tmp_path / "judged", tiny, sample, fitted, {"generation_error_pct": 50.0}, keep_weights=False)
    record.save(tmp_path / "not", tiny, sample, fitted, {"kl": 1.0}, keep_weights=False)
    assert record.read(tmp_path / "judged")["provenance"]["judge"] == judge.identity("mnist")
    assert "judge" not in record.read(tmp_path / "not")["provenance"]


def test_judged_records_that_name_none_are_of_the_first_judge(store):
    assert judged.judge_of(record.read(store("old"))) == judged.FIRST["cifar10"]
    assert judged.judge_of(record.read(store("new", "b"))) == "b"
    assert judged.judge_of(record.read(store("not judged", metrics={"test_error_pct": 25.0}))) is None
    weights = Path("results/judge/mnist/model.safetensors").read_bytes()
    assert judged.FIRST["mnist"] == hashlib.sha256(weights).hexdigest()


def test_runs_of_two_judges_are_read_without_what_hangs_on_them(store):
    old, other_seed, new = store("old"), store("old-2", seed=2), store("new", "b")
    assert [set(METRICS) <= content["metrics"].keys() for content in judged.read([old, other_seed])] == [True, True]
    assert [content["metrics"] for content in judged.read([old, new])] == 2 * [
        {"seconds": 60.0, "test_error_pct": 25.0}
    ]
    digits = store("digits", dataset="mnist")
    assert all(set(METRICS) <= content["metrics"].keys() for content in judged.read([new, digits]))
    assert set(tables.metrics_of([old, new])["metric"]) == {"seconds", "test_error_pct"}
    assert isinstance(tables.outcomes([old, new]), pd.DataFrame)
    assert "judge_score" not in tables.outcomes([old, new])


def test_a_run_that_no_judge_has_seen_is_read_beside_those_of_any(store):
    unseen = store("unseen", metrics={"test_error_pct": 26.0})
    runs = [store("b-1", "b"), store("b-2", "b", seed=2), unseen]
    assert [set(METRICS) <= content["metrics"].keys() for content in judged.read(runs)] == [True, True, False]
    assert tables.outcomes(runs)["judge_score"].notna().tolist() == [True, True, False]
    assert "left out" not in verify.compare(unseen, runs[0]).sentence


def test_a_run_under_another_judge_repeats_by_the_rest(store):
    verdict = verify.compare(store("old"), store("new", "b", metrics=METRICS | {"judge_score": 3.0}))
    assert {line.metric for line in verdict.lines} == {"test_error_pct"}
    assert verdict.passed
    assert verdict.sentence.endswith("What hangs on the judge, another one here, is left out.")
    verdict = verify.compare(store("old"), store("same", metrics=METRICS | {"judge_score": 3.0}, seed=1))
    assert "left out" not in verdict.sentence


def test_the_spread_over_seeds_is_that_of_one_judge(store):
    run = store("b-1", "b")
    store("b-2", "b", metrics=METRICS | {"generation_error_pct": 82.0}, seed=2)
    store("old-3", metrics=METRICS | {"generation_error_pct": 30.0}, seed=3)
    own, _ = verify.seeds_of(run)
    assert {seed: metrics.get("generation_error_pct") for seed, metrics in own.items()} == {1: 80.0, 2: 82.0, 3: None}
