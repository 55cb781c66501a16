import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from exon.evaluation.claims import CLAIMS, evidence
from exon.evaluation.claims.claim import FAILS, HOLDS, UNKNOWN, check
from exon.evaluation.effects import effects
from exon.evaluation.tables import FACTORS, outcomes
from exon.runs import grid, record

RESULTS = Path("results")


@pytest.fixture
def runs_at(tmp_path):
    """Make the record of a run at a beta: one metric, and others by name."""

    def make(beta, metric, value, seed=1, **metrics):
        content = json.loads((RESULTS / "cpu/mnist/beta-1_seed-1/run.json").read_text())
        del content["sha256"]
        content["experiment"] |= {"beta": beta, "seed": seed}
        content["metrics"] = {metric: value, **metrics}
        folder = tmp_path / f"beta-{beta:g}_seed-{seed}"
        folder.mkdir()
        (folder / "run.json").write_text(json.dumps(content))
        return folder

    return make


def test_every_claim_holds_on_the_stored_records_and_shows_its_numbers(findings):
    assert list(findings) == list(CLAIMS)
    assert {finding.verdict for finding in findings.values()} == {HOLDS}
    for finding in findings.values():
        assert len(finding.numbers) > 0
        assert all(map(math.isfinite, finding.numbers))
        assert finding.claim.sentence.endswith(".")


def test_claims_over_beta_count_every_run_of_every_seed(runs_at):
    """One run that lies elsewhere is enough, and a claim names how many runs it rests on."""
    claim = CLAIMS["generation-high-at-50"]
    runs = [runs_at(beta, "generation_error_pct", value) for beta, value in ((5.0, 20.0), (50.0, 60.0))]
    more = [runs_at(beta, "generation_error_pct", value, 2) for beta, value in ((5.0, 59.0), (50.0, 61.0))]
    missing = runs[0].with_name("not-yet")
    finding = check(claim, runs, [*more, missing])
    assert finding.verdict == HOLDS
    assert finding.numbers["beta 5"].to_dict() == {"lowest": 20, "highest": 59, "runs": 2}
    assert "beta 50 runs → 2" in finding.numbers_as_text()
    assert check(claim, runs, [runs_at(5.0, "generation_error_pct", 60.5, 3)]).verdict == FAILS
    assert check(claim, [runs[0]], [missing]).reason == "no run of 'beta 50'"


def test_a_run_that_did_not_measure_a_metric_does_not_count(runs_at):
    runs = [
        runs_at(5.0, "placement_error_pct", 1.0),
        runs_at(50.0, "kl", 1.0),
        runs_at(10.0, "placement_error_pct", 2.0),
    ]
    finding = check(CLAIMS["in-place-from-5"], runs)
    assert finding.verdict == HOLDS
    assert finding.numbers.to_dict() == {
        ("beta 5 to 50", "lowest"): 1,
        ("beta 5 to 50", "highest"): 2,
        ("beta 5 to 50", "runs"): 2,
    }


def test_label_uncertainty_is_held_against_the_placement_error_of_the_same_run(runs_at):
    runs = [runs_at(beta, "placement_error_pct", beta, label_uncertainty_pct=12.0) for beta in (1.0, 5.0, 10.0)]
    numbers = evidence.label_above_placement(runs)
    assert numbers.to_dict() == {"smallest difference": 2, "runs": 2}


def test_the_numbers_are_those_of_the_records(findings):
    runs = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("cpu/mnist/beta-50_seed-?/run.json"))]
    values = [run["metrics"]["kl"] for run in runs]
    found = findings["kl-falls"].numbers["beta 50"]
    assert (found["lowest"], found["highest"], found["runs"]) == (min(values), max(values), len(values))
    assert "beta 5 lowest → 3." in findings["kl-falls"].numbers_as_text()


@pytest.mark.parametrize("name", ["cifar10-cardinality-falls", "cifar10-purity", "cifar10-wide-recon-rises"])
def test_a_claim_on_what_no_run_measured_cannot_be_checked(name, runs_at):
    """All of nothing falls: the claim would hold."""
    finding = check(CLAIMS[name], [runs_at(beta, "kl", 1.0) for beta in (0.1, 1.0)])
    assert (finding.verdict, finding.reason) == (UNKNOWN, "a number that decides is missing")


def test_a_difference_by_beta_needs_both_levels_at_each(runs_at):
    evidence_of = evidence.differences("kl", "seed", 2, 1)
    runs = [runs_at(beta, "kl", value, seed) for beta, value, seed in ((1.0, 7.0, 1), (1.0, 5.0, 2), (5.0, 4.0, 1))]
    claim = replace(CLAIMS["cifar10-short-errs-less"], evidence=evidence_of)
    assert check(claim, runs).reason == "a number that decides is missing"
    runs.append(runs_at(5.0, "kl", 4.5, 2))
    finding = check(claim, runs)
    assert (finding.verdict, finding.numbers.to_dict()) == (FAILS, {1.0: -2.0, 5.0: 0.5})
    assert check(claim, runs[:2]).verdict == HOLDS


def test_a_path_of_one_value_cannot_fall(runs_at):
    finding = check(CLAIMS["cifar10-cardinality-falls"], [runs_at(0.1, "cardinality_automobile", 60.0)])
    assert finding.verdict == UNKNOWN


def test_an_interval_of_two_seeds_decides_nothing(tmp_path):
    runs = [run.folder for run in grid.select("first_epochs/first_beta-0.1_*")][:2]
    assert check(CLAIMS["authors-within-seeds"], runs).verdict == UNKNOWN


def test_a_claim_with_a_missing_run_cannot_be_checked():
    runs = [run.folder for run in grid.select("ablation/v2_*")]
    finding = check(CLAIMS["ce-lowers-error"], [*runs, Path("results/cpu/ablation/nowhere")])
    assert finding.verdict == UNKNOWN
    assert finding.numbers_as_text() == "1 of 13 runs are missing: nowhere, ..."
    assert check(CLAIMS["ce-lowers-error"], []).verdict == UNKNOWN
    assert check(CLAIMS["kl-falls"], runs).reason == "no run of 'beta 0.1 to 1'"


def test_numbers_that_no_run_has_are_no_verdict(tmp_path):
    (run,) = grid.select("beta/beta-0.1_*")
    content = record.read(run.folder)
    for name in ("placement_error_pct", "label_uncertainty_pct"):
        content["metrics"].pop(name)
    content["experiment"]["beta"] = 5.0
    (tmp_path / "run.json").write_text(json.dumps(content))
    for name in ("label-not-placement-from-5", "little-left-at-50"):
        finding = check(CLAIMS[name], [tmp_path])
        assert finding.verdict == UNKNOWN
        assert finding.reason.startswith("no run of ")


def test_further_runs_count_as_far_as_they_are_finished():
    runs = [run.folder for run in grid.select("ablation/v3_*")]
    seen = []
    claim = replace(
        CLAIMS["sci-both-for-center-error"], evidence=lambda folders: pd.Series([seen.append(folders) or 1.0])
    )
    claim = replace(claim, holds=lambda numbers: True)
    finished, missing = Path("results/cpu/ablation/v2_ce-true_kl-true_seed-1"), Path("results/cpu/ablation/nowhere")
    assert check(claim, runs, [missing, finished]).verdict == HOLDS
    assert seen == [[*runs, finished]]
    assert check(claim, [missing], [finished]).verdict == UNKNOWN


def test_intervals_of_primary_outcomes_hold_together_and_others_by_themselves():
    runs = [run.folder for run in grid.select("ablation/v2_*")]
    table = outcomes(runs)
    for outcome, level in (("purity_pct", 1 - 0.05 / 20), ("recon", 0.95)):
        fit = effects(table, *FACTORS, outcome, level)
        found = evidence.effects_of(outcome, "interaction", "KL, cross-entropy off")(runs)
        expected = fit.loc[["interaction", "use_kl, use_cross_entropy off"], ["low", "high"]]
        assert found.tolist() == pytest.approx(expected.to_numpy().ravel())
    one_seed = [run for run in runs if run.name.endswith("seed-1")]
    finding = check(CLAIMS["kl-raises-recon"], one_seed)
    assert (finding.verdict, finding.reason) == (UNKNOWN, "a cell with a single run has no interval")


def test_extremes_along_the_path_are_of_all_its_seeds():
    runs = [run.folder for run in grid.select("ablation/v2_* ablation_paths")]
    table = outcomes(runs).query("use_cross_entropy and lambda1 == 6000")
    lower = table.query("not use_kl or kl_weight <= 0.1")["recon"]
    higher = table.query("use_kl and kl_weight == 1")["recon"]
    assert (len(lower), len(higher)) == (5, 3)
    found = evidence.extremes_by_kl("recon", (0.0, 0.1), (1.0, 1.0))(runs)
    assert found.to_dict() == {"highest, KL times 0 to 0.1": lower.max(), "lowest, KL times 1": higher.min()}
    others = table.query("not use_kl or kl_weight != 1")["recon"]
    found = evidence.most_of_all_factors("recon", 1.0)(runs)
    assert found.to_dict() == {"highest, every other factor": others.max(), "lowest, factor 1": higher.min()}
    finding = check(CLAIMS["kl-path-center-error"], [run for run in runs if run.name.startswith("v2_ce-true_kl-true")])
    assert (finding.verdict, finding.reason) == (UNKNOWN, "no run has such a factor on the KL")


def test_a_pattern_chooses_runs_and_names_may_be_several():
    names = [run.name for run in grid.select("ablation/v3_* ablation_paths/kl_*")]
    assert len(names) == 7
    assert all(name.startswith(("v3_", "kl_weight-")) for name in names)


def exon(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "exon", *arguments], capture_output=True, text=True, **options)


def test_the_command_prints_every_claim_and_ends_with_1_only_if_one_fails(tmp_path):
    shown = exon("claims", "--json")
    assert shown.returncode == 0
    assert {claim["name"]: claim["verdict"] for claim in json.loads(shown.stdout)} == dict.fromkeys(CLAIMS, HOLDS)
    for run in grid.select("prior_design"):
        folder = tmp_path / Path(*run.folder.parts[-3:])
        folder.mkdir(parents=True)
        content = json.loads((run.folder / "run.json").read_text())
        content["metrics"]["path_negative_ssim"] = content["experiment"]["distance"] or 0.0
        (folder / "run.json").write_text(json.dumps(content))
    shown = exon("claims", "--results", str(tmp_path), env={**os.environ, "COLUMNS": "300"})
    assert shown.returncode == 1
    # one claim is about published numbers alone
    assert f"1 {HOLDS}, 1 {FAILS}, {len(CLAIMS) - 2} {UNKNOWN}" in shown.stdout
    assert "distance: 4 → 4, 8 → 8, 12 → 12, 16 → 16" in shown.stdout


def test_a_folder_without_records_is_named():
    shown = exon("claims", "--results", "nowhere")
    said = "exon: nowhere holds no PROFILE/NOTEBOOK/RUN/run.json: give a folder that does, as results.\n"
    assert (shown.returncode, shown.stderr) == (2, said)


def test_means_are_over_seeds_in_order_of_the_setting():
    means = evidence.series("kl")([run.folder for run in grid.select("beta")])
    assert means.index.tolist() == sorted(means.index)
    assert isinstance(means, pd.Series)
