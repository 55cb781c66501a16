"""Which runs are compared, what is refused, and the file that keeps a comparison."""

import pytest
import replicated
from replicated import GRID, compare, only, row_of

from exon.errors import UserError
from exon.evaluation import comparison as comparisons
from exon.evaluation import replication
from exon.evaluation.claims import CLAIMS
from exon.evaluation.claims.claim import UNKNOWN


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"grid": "ablation", "more": 1}'])
def test_a_file_that_holds_no_comparison_is_named(tmp_path, text):
    path = tmp_path / "ablation.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=r"ablation.json holds no comparison that can be read"):
        comparisons.read(path)


@pytest.mark.parametrize(
    ("names", "stem"), [("beta", "beta"), (GRID, "ablation"), ("a/b/own.yaml", "own"), ("own.yaml", "own")]
)
def test_a_comparison_is_named_after_its_grid(names, stem):
    assert comparisons.stem(names) == stem


@pytest.mark.parametrize(
    ("settings", "differences"),
    [
        ({"labels": 50}, ["labels = 50 instead of 100"]),
        ({"split_seed": 2}, ["split_seed = 2 instead of 1"]),
        ({"device": "cpu"}, []),
    ],
)
def test_other_settings_are_named(tmp_path, no_claims, settings, differences):
    replicated.write(tmp_path, only("recon"), settings=settings)
    found = compare(tmp_path, settings=settings)
    assert found.differences == differences
    said = " ".join(comparisons.sentences(found))
    assert ("this is no replication of the same experiment: " in said) == bool(differences)
    assert all(difference in said for difference in differences)


def test_what_cannot_be_compared_is_refused(tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path} holds no finished run of {GRID.replace('*', '.')} with these"):
        compare(tmp_path)
    with pytest.raises(UserError, match=r"use_kl tells the cells of the grid .* apart, and is the same in all of the"):
        compare(tmp_path, settings={"use_kl": True})
    own = tmp_path / "own.yaml"
    own.write_text("notebook: mnist\nprofile: smoke\nruns:\n  - beta: [1.0, 2.0]\n    source: sample\n")
    with pytest.raises(UserError, match=r"No run of the grid .*own.yaml is stored below results/"):
        compare(tmp_path, own.as_posix())


def test_an_unfinished_replication_says_what_is_there(tmp_path, monkeypatch):
    few = {name: CLAIMS[name] for name in ("ce-lowers-error", "kl-costs-error")}
    monkeypatch.setattr(replication, "CLAIMS", few)

    def one(e, metrics):
        return only("recon")(e, metrics) if e.use_cross_entropy and e.use_kl and e.seed == 32 else None

    runs = replicated.write(tmp_path, one)
    (tmp_path / "cpu" / "ablation" / runs[-1].name).mkdir()
    found = compare(tmp_path)
    assert (found.finished, found.declared, found.seeds) == (1, 12, [32])
    row = row_of(found.cells, cell="both", metric="recon")
    assert (row["new_n"], row["new_sd"]) == (1, None)
    row = row_of(found.cells, cell="neither", metric="recon")
    assert (row["new_n"], row["new_mean"], row["low"], row["within"]) == (0, None, None, None)
    row = row_of(found.effects, outcome="recon", term="interaction")
    assert [row[key] for key in ("new_effect", "agreement", "predicted_low", "within")] == [None] * 4
    assert row["stored_effect"] is not None
    assert [(row["name"], row["new"]) for row in found.claims] == [(name, UNKNOWN) for name in few]
    assert {row["new_numbers"].partition(":")[0] for row in found.claims} == {"11 of 12 runs are missing"}


def test_effects_that_were_not_predicted_are_counted(tmp_path, no_claims):
    replicated.write(tmp_path, only("center_error_pct"))
    found = compare(tmp_path)
    effects = [row for row in found.effects if row["outcome"] == "center_error_pct"]
    assert [row["within"] for row in effects] == [True] * 5
    effects[0]["within"] = False
    said = "4 of 5 of these effects lie in the interval predicted for them; at 95 % each, 0.2 would miss it by chance."
    assert said in comparisons.sentences(found)


def test_a_comparison_is_read_as_it_was_written(tmp_path, no_claims):
    replicated.write(tmp_path / "runs", only("recon", "kl", "center_error_pct"))
    comparison = compare(tmp_path / "runs")
    assert all((comparison.cells, comparison.effects, comparison.values))
    folder = tmp_path / "written"
    path = comparison.write(folder)
    assert path == folder / "ablation.json"
    assert comparisons.read(path) == comparison
    assert comparison.write(folder) == path
    assert [path.name for path in folder.iterdir()] == ["ablation.json"]
