"""New runs beside the stored ones: outcomes, effects and claims."""

import hashlib
import statistics
from pathlib import Path

import pytest
import replicated
from replicated import GRID, SEEDS, compare, only, row_of
from scipy import stats

from exon.evaluation import comparison as comparisons
from exon.evaluation import replication
from exon.evaluation.claims import CLAIMS
from exon.evaluation.claims.claim import FAILS, HOLDS
from exon.evaluation.intervals import pooled
from exon.evaluation.primary import PRIMARY, TERMS
from exon.evaluation.tables import CELLS, FACTORS, outcomes
from exon.runs import grid, record
from exon.runs.verify import HEADLINE, seeds_of

OF_THE_GRID = {claim.name for claim in CLAIMS.values() if claim.runs == GRID}
OF_MORE = {"sci-lowers-error", "kl-path-center-error", "kl-falls", "authors-kl-is-exact"}
METRICS = (
    *("test_error_pct", "relabelled_error_pct", "center_error_pct", "generation_error_pct", "purity_pct"),
    *("recon", "kl", "kl_latent", "v_nat", "cardinality_mean", "seconds"),
)
"""What these claims and tests need: each metric takes time."""


@pytest.fixture(scope="module", autouse=True)
def _stored_records_stay():
    """Whatever is compared, the stored records are the same bytes afterwards, and no file is added."""

    def digests():
        files = [path for path in Path("results/cpu/ablation").rglob("*") if path.is_file()]
        return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = digests()
    assert before
    yield
    assert digests() == before


@pytest.fixture(scope="module")
def stored():
    """The stored runs of the grid, a row for each."""
    return outcomes([run.folder for run in grid.select(GRID)])


@pytest.fixture(scope="module")
def _claims():
    """Those of the grid, and some that need other runs too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replication, "CLAIMS", {name: CLAIMS[name] for name in CLAIMS if name in OF_THE_GRID | OF_MORE})
        yield


@pytest.fixture(scope="module")
def repeated(tmp_path_factory, _claims):
    """New runs that measured what the stored ones did."""
    root = tmp_path_factory.mktemp("repeated")
    replicated.write(root, only(*METRICS))
    return compare(root)


@pytest.fixture(scope="module")
def reversed_errors(tmp_path_factory, _claims):
    """New runs with the same outcomes, but for a test error that cross-entropy raises."""
    root = tmp_path_factory.mktemp("reversed")

    def changed(e, metrics):
        return only(*METRICS)(e, metrics) | {"test_error_pct": 100 - metrics["test_error_pct"]}

    replicated.write(root, changed)
    return compare(root)


def test_runs_that_measure_the_same_agree_in_everything(repeated, stored):
    assert (repeated.grid, repeated.profile, repeated.seeds) == (GRID, "cpu", list(SEEDS))
    assert repeated.stored_seeds == sorted(set(stored["seed"]))
    assert repeated.finished == repeated.declared == 4 * len(SEEDS)
    assert repeated.differences == []
    assert {row["cell"] for row in repeated.cells} == set(CELLS.values())
    assert {row["within"] for row in repeated.cells if row["low"] is not None} == {True}
    assert {row["within"] for row in repeated.effects} == {True}
    assert {row["agreement"] for row in repeated.effects} == {replication.SAME, replication.NEITHER}
    assert "seconds" not in {row["metric"] for row in repeated.cells + repeated.values}


def test_a_cell_has_the_mean_and_spread_of_both_and_the_interval_of_the_new_mean(repeated, stored):
    for (cross_entropy, kl), cell in CELLS.items():
        values = stored.query(f"use_cross_entropy == {cross_entropy} and use_kl == {kl}")["recon"].tolist()
        row = row_of(repeated.cells, cell=cell, metric="recon")
        assert (row["stored_n"], row["new_n"]) == (len(values), len(SEEDS))
        mean, sd = statistics.fmean(values), statistics.stdev(values)
        assert (row["stored_mean"], row["stored_sd"]) == pytest.approx((mean, sd))
        scale = sd * (1 / len(values) + 1 / len(SEEDS)) ** 0.5
        interval = stats.t.interval(0.95, len(values) - 1, mean, scale)
        assert (row["low"], row["high"]) == pytest.approx(interval)
        assert row["spread"] == f"{len(values)} stored seeds"


def test_a_new_mean_beyond_the_interval_is_outside(tmp_path, repeated, no_claims):
    row = row_of(repeated.cells, cell="both", metric="kl")
    half = (row["high"] - row["low"]) / 2
    for share, within in ((0.99, True), (1.01, False), (-1.01, False)):
        root = tmp_path / str(share)

        def shifted(e, metrics, value=row["stored_mean"] + share * half):
            return {"kl": value if e.use_cross_entropy and e.use_kl else metrics["kl"]}

        replicated.write(root, shifted)
        judged = {r["cell"]: r["within"] for r in compare(root).cells if r["metric"] == "kl"}
        assert judged == {"both": within, "no KL": True, "no cross-entropy": True, "neither": True}


def test_a_single_stored_seed_takes_the_spread_beside_it(tmp_path, stored):
    names = "ablation_paths/kl_weight-0.1*"
    replicated.write(tmp_path, only("recon"), names, seeds=[31, 32])
    found = compare(tmp_path, names, seeds=[31, 32])
    row = row_of(found.cells, metric="recon")
    assert (row["cell"], row["stored_n"], row["new_n"]) == ("all runs", 1, 2)
    (run,) = grid.select(names)
    neighbours = {
        name: [metrics["recon"] for metrics in seeds.values()] for name, seeds in seeds_of(run.folder)[1].items()
    }
    both = stored.query("use_cross_entropy and use_kl")["recon"]
    assert neighbours[f"kl_weight = 1.0 ({len(both)} seeds)"] == both.tolist()
    assert row["spread"] == f"1 stored seed and the spread at {', '.join(neighbours)}"
    spread = pooled(neighbours.values())
    interval = stats.t.interval(0.95, spread.df, row["stored_mean"], spread.sd * (1 + 1 / 2) ** 0.5)
    assert (row["low"], row["high"]) == pytest.approx(interval)
    assert (found.effects, found.claims) == ([], [])


def test_effects_have_welchs_intervals_and_are_predicted_by_the_stored_spread(repeated, stored):
    values = {cell: group.tolist() for cell, group in stored.groupby(list(FACTORS))["recon"]}
    on, off = values[True, True], values[True, False]
    row = row_of(repeated.effects, outcome="recon", term="use_kl, use_cross_entropy on")
    effect = statistics.fmean(on) - statistics.fmean(off)
    assert (row["stratum"], row["stored_effect"]) == ("", pytest.approx(effect))
    interval = stats.ttest_ind(on, off, equal_var=False).confidence_interval()
    assert (row["stored_low"], row["stored_high"]) == pytest.approx(tuple(interval))
    v = [statistics.variance(cell) * (1 / len(cell) + 1 / len(SEEDS)) for cell in (on, off)]
    df = sum(v) ** 2 / (v[0] ** 2 / (len(on) - 1) + v[1] ** 2 / (len(off) - 1))
    predicted = stats.t.interval(0.95, df, effect, sum(v) ** 0.5)
    assert (row["predicted_low"], row["predicted_high"]) == pytest.approx(predicted)
    assert {row["term"] for row in repeated.effects} == set(TERMS)


def test_a_percentage_is_predicted_between_0_and_100(repeated):
    rows = [row for row in repeated.cells if row["metric"].endswith("_pct")]
    assert all(0 <= row["low"] <= row["high"] <= 100 for row in rows)
    assert {100.0} <= {row["high"] for row in rows}
    assert any(row["low"] < 0 for row in repeated.cells if row["metric"] == "kl_latent")


def test_an_effect_the_other_way_round_is_seen_and_not_as_predicted(reversed_errors, repeated):
    row = row_of(reversed_errors.effects, outcome="test_error_pct", term="use_cross_entropy, use_kl on")
    assert row["new_effect"] == pytest.approx(-row["stored_effect"])
    assert (row["new_low"], row["new_high"]) == pytest.approx((-row["stored_high"], -row["stored_low"]))
    assert (row["agreement"], row["within"]) == (replication.OPPOSITE, False)
    others = [row for row in reversed_errors.effects if row["outcome"] != "test_error_pct"]
    assert others == [row for row in repeated.effects if row["outcome"] != "test_error_pct"]


@pytest.mark.parametrize(
    ("stored", "new", "said"),
    [
        (-1, -1, replication.SAME),
        (-1, 0, replication.ONLY_STORED),
        (-1, 1, replication.OPPOSITE),
        (0, -1, replication.ONLY_OWN),
        (0, 0, replication.NEITHER),
        (0, 1, replication.ONLY_OWN),
        (1, -1, replication.OPPOSITE),
        (1, 0, replication.ONLY_STORED),
        (1, 1, replication.SAME),
    ],
)
def test_where_an_effect_is_seen(stored, new, said):
    assert replication.agree(stored, new) == said


@pytest.mark.parametrize(
    ("low", "high", "sign"),
    [(1.0, 2.0, 1), (-2.0, -1.0, -1), (-1.0, 2.0, 0), (0.0, 2.0, 0), (-2.0, 0.0, 0), (None, None, None)],
)
def test_the_side_of_zero_of_an_interval(low, high, sign):
    assert replication._sign(low, high) == sign


def test_what_holds_of_the_stored_runs_holds_of_the_same_numbers(repeated):
    assert {row["name"] for row in repeated.claims} == OF_THE_GRID
    for row in repeated.claims:
        assert (row["stored"], row["new"]) == (HOLDS, HOLDS)
        assert row["sentence"] == CLAIMS[row["name"]].sentence
    row = row_of(repeated.claims, name="kl-costs-error")  # the others are of effects, which rounding may change
    assert row["stored_numbers"] == row["new_numbers"] != ""


def test_claims_that_the_new_runs_contradict_fail_and_no_others(reversed_errors):
    verdicts = {row["name"]: row["new"] for row in reversed_errors.claims}
    failing = {"ce-lowers-error", "kl-costs-error"}
    assert verdicts == {name: FAILS if name in failing else HOLDS for name in OF_THE_GRID}
    assert {row["stored"] for row in reversed_errors.claims} == {HOLDS}


def test_a_metric_that_some_runs_do_not_have_is_left_out_of_their_mean(tmp_path, repeated, no_claims):
    def without(e, metrics):
        return only("recon", *(["v_nat"] if e.seed != 33 else []))(e, metrics)

    replicated.write(tmp_path, without)
    found = compare(tmp_path)
    assert {row["new_n"] for row in found.cells if row["metric"] == "v_nat"} == {2}
    assert {row["seed"] for row in found.values if row["metric"] == "v_nat" and row["series"] == "new"} == {31, 32}
    assert comparisons.read(found.write(tmp_path)) == found
    row, full = (row_of(c.effects, outcome="v_nat", term="interaction") for c in (found, repeated))
    widths = [row["predicted_high"] - row["predicted_low"] for row in (row, full)]
    n = len(repeated.stored_seeds)
    assert widths[0] / widths[1] == pytest.approx(((1 / n + 1 / 2) / (1 / n + 1 / 3)) ** 0.5)


def test_a_single_new_seed_is_held_against_the_stored_spread_and_has_no_interval_of_its_own(tmp_path, no_claims):
    replicated.write(tmp_path, only("recon"), seeds=[31])
    row = row_of(compare(tmp_path, seeds=[31]).effects, outcome="recon", term="interaction")
    assert (row["new_low"], row["new_high"], row["agreement"]) == (None, None, None)
    assert row["predicted_low"] < row["new_effect"] < row["predicted_high"]
    assert row["within"] is True


def test_the_objectives_of_the_whole_grid_are_kept_apart(tmp_path, repeated, monkeypatch):
    within = ["ce-lowers-error", "sci-lowers-error", "sci-both-for-center-error"]
    beyond = ["kl-path-center-error", "kl-falls", "authors-kl-is-exact"]
    monkeypatch.setattr(replication, "CLAIMS", {name: CLAIMS[name] for name in within + beyond})
    replicated.write(tmp_path, only("recon"), "ablation")
    found = compare(tmp_path, "ablation")
    assert found.declared == 8 * len(SEEDS)
    assert {row["cell"] for row in found.cells} == {
        f"{cell}, use_sci = {sci}" for cell in CELLS.values() for sci in ("true", "false")
    }
    (strata,) = {tuple(dict.fromkeys(row["stratum"] for row in found.effects))}
    assert strata == ("use_sci = false", "use_sci = true")
    row = row_of(found.effects, stratum="use_sci = false", outcome="recon", term="interaction")
    alone = row_of(repeated.effects, outcome="recon", term="interaction")
    assert row | {"stratum": ""} == pytest.approx(alone)
    assert [row["name"] for row in found.claims] == within


def test_what_a_comparison_comes_to_is_counted(reversed_errors, repeated):
    runs, outcome, effect, predicted, *claims = comparisons.sentences(reversed_errors)
    stored = ", ".join(map(str, reversed_errors.stored_seeds))
    assert runs == f"12 of 12 runs of {GRID} with seeds 31, 32, 33; stored: seeds {stored}."
    judged = [row for row in reversed_errors.cells if row["metric"] in HEADLINE and row["low"] is not None]
    outside = [row for row in judged if not row["low"] <= row["new_mean"] <= row["high"]]
    assert {row["metric"] for row in outside} == {"test_error_pct"}
    assert outcome.startswith(
        f"{len(judged) - len(outside)} of {len(judged)} headline outcomes lie in the interval predicted for them; "
        f"at 95 % each, {len(judged) / 20:.1f} would miss"
    )
    seen = [row["agreement"] for row in reversed_errors.effects if row["outcome"] in PRIMARY and row["agreement"]]
    assert len(seen) < len(reversed_errors.effects)
    assert effect.startswith("20 effects on primary outcomes. Where their interval excludes zero: ")
    assert f"{seen.count(replication.OPPOSITE)} opposite signs" in effect
    assert f"{seen.count(replication.SAME)} same sign in both" in effect
    within = [
        row["within"] for row in reversed_errors.effects if row["outcome"] in PRIMARY and row["within"] is not None
    ]
    assert predicted.startswith(
        f"{sum(within)} of {len(within)} of these effects lie in the interval predicted for them; "
    )
    assert sum(within) < len(within)
    total = len(OF_THE_GRID)
    assert set(claims) == {
        f"{total - 2} of {total} claims hold in both.",
        f"2 of {total} claims hold in the stored runs, do not hold in the new ones.",
    }
    assert "opposite signs" not in " ".join(comparisons.sentences(repeated))
    assert comparisons.sentences(repeated)[-1] == f"{total} of {total} claims hold in both."


def test_every_value_is_kept_with_its_run(repeated):
    values = {(row["cell"], row["seed"]): row["value"] for row in repeated.values if row["metric"] == "recon"}
    assert len(values) == 4 * (len(SEEDS) + len(repeated.stored_seeds))
    first = repeated.stored_seeds[0]
    stored = record.read(Path(f"results/cpu/ablation/v2_ce-true_kl-false_seed-{first}"))["metrics"]["recon"]
    assert values["no KL", first] == values["no KL", SEEDS[0]] == stored
