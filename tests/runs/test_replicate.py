import json
import re
from pathlib import Path

import pytest
import replicated
from replicated import GRID, SEEDS

from exon import data
from exon.evaluation import comparison, replication
from exon.evaluation.claims import CLAIMS
from exon.files import OWN
from exon.runs import grid, replicate, sweep

NEW = ",".join(map(str, SEEDS))
FEW = ("test_error_pct", "recon", "kl", "seconds")


@pytest.fixture(autouse=True)
def _few_claims(monkeypatch):
    monkeypatch.setattr(replication, "CLAIMS", {"ce-lowers-error": CLAIMS["ce-lowers-error"]})


@pytest.fixture
def root(tmp_path):
    """The root of a replication whose runs are all done, and measured what the stored ones did."""
    replicated.write(tmp_path / "own", lambda _, metrics: {name: metrics[name] for name in FEW})
    return tmp_path / "own"


@pytest.fixture
def no_training(monkeypatch):
    """The settings of the sweeps that would be run; each ends with code 3, as if a run had failed."""
    started = []
    monkeypatch.setattr(data, "load", lambda *_: None)
    monkeypatch.setattr(sweep, "run", lambda *arguments: started.append(arguments) or 3)
    return started


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--seeds", ""), "A replication needs seeds: give some that the grid does not have, as --seeds 11,12,13."),
        (("--seeds", "3,31,1"), "seeds = 1, 3 are in the stored grid ablation/v2_* already"),
        (("--seeds", NEW, "--out", "results"), "out = results holds stored runs: give another folder"),
        (("--seeds", NEW, "--out", "results/cpu"), "out = results/cpu holds stored runs: give another folder"),
        (("--seeds", NEW, "--set", "use_kl=true"), "use_kl tells the cells of the grid ablation/v2_* apart"),
        (("--seeds", "31,x"), "seeds = '31,x' is not accepted"),
        (("--seeds", NEW, "--set", "betta=1"), "'betta' is not a parameter of"),
        (("--seeds", NEW, "--compare-only"), "holds no finished run of ablation/v2_* with these seeds"),
    ],
)
def test_what_is_no_replication_is_refused_in_one_sentence(exon, no_training, tmp_path, arguments, sentence):
    out = () if "--out" in arguments else ("--out", tmp_path / "own")
    code, printed, err = exon("replicate", GRID, *arguments, *out)
    assert (code, printed) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
    assert no_training == []
    assert not (tmp_path / "own").exists()


def test_the_same_folder_by_another_name_is_refused(exon, tmp_path):
    (tmp_path / "link").symlink_to(Path("results").resolve())
    for out in (tmp_path / "link", Path("results").resolve() / "cpu", "results/own/../cpu"):
        code, _, err = exon("replicate", GRID, "--seeds", NEW, "--out", out, "--dry-run")
        assert code == 2
        assert f"out = {out} holds stored runs" in err


@pytest.mark.parametrize("out", ["results/own/another", "results/replication"])
def test_folders_of_replications_below_results_are_accepted(exon, out):
    code, printed, _ = exon("replicate", GRID, "--seeds", "91", "--out", out, "--dry-run")
    assert code == 0
    assert f"{out}/cpu/ablation/v2_ce-true_kl-true_seed-91" in printed
    assert "4 of 4 runs left" in printed


def test_a_replication_goes_to_a_folder_of_its_own():
    choice = replicate.prepare(GRID, None, NEW, ["labels=50"], replicate.FOLDER)
    assert replicate.FOLDER == OWN / "replication"
    root, runs = sweep.chosen(choice)
    assert root == replicate.FOLDER
    assert {run.experiment.seed for run in runs} == set(SEEDS)
    assert {run.experiment.labels for run in runs} == {50}
    assert len(runs) == 12


def test_compared_runs_are_reported_and_kept(exon, root, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    stored = contents(Path("results/cpu/ablation"))
    runs = contents(root)
    code, printed, err = exon("replicate", GRID, "--seeds", NEW, "--out", root, "--compare-only")
    assert (code, err) == (0, "")
    kept = comparison.read(root / "ablation.json")
    assert kept == replication.compare(GRID, grid.Asked(seeds=list(SEEDS), root=root))
    assert printed.endswith("\n".join(comparison.sentences(kept)) + "\n")
    for title in ("Outcomes", "Effects", "Claims"):
        assert re.search(f"^{title} *$", printed, re.MULTILINE)
    row = next(row for row in kept.cells if row["cell"] == "neither" and row["metric"] == "recon")
    assert f"{row['new_mean']:.4g} ± {row['new_sd']:.2g} (n = 3)" in printed
    assert f"[{row['low']:.4g}, {row['high']:.4g}]" in printed
    assert CLAIMS["ce-lowers-error"].sentence[:40] in printed
    assert "seconds" not in printed
    assert contents(Path("results/cpu/ablation")) == stored
    assert contents(root) == runs | {root / "ablation.json": (root / "ablation.json").read_bytes()}


def test_what_a_comparison_wrote_is_replaced_by_the_next(exon, root):
    arguments = ("replicate", GRID, "--seeds", NEW, "--out", root, "--compare-only")
    exon(*arguments)
    first = (root / "ablation.json").read_bytes()
    exon(*arguments)
    assert (root / "ablation.json").read_bytes() == first
    (run,) = [
        run for run in grid.select(GRID, grid.Asked(seeds=[31], root=root)) if run.name.startswith("v2_ce-true_kl-true")
    ]
    content = json.loads((run.folder / "run.json").read_text())
    content["metrics"]["recon"] += 1000.0
    (run.folder / "run.json").write_text(json.dumps(content))
    _, printed, _ = exon(*arguments)
    assert (root / "ablation.json").read_bytes() != first
    assert "outside" in printed


def test_a_second_call_goes_on_with_what_is_left(exon, root, no_training):
    arguments = ("replicate", GRID, "--seeds", NEW, "--out", root, "--dry-run")
    code, printed, _ = exon(*arguments)
    assert code == 0
    assert "0 of 12 runs left." in printed
    assert "to do" not in printed
    missing = root / "cpu" / "ablation" / "v2_ce-false_kl-true_seed-32"
    (missing / "run.json").unlink()
    code, printed, _ = exon(*arguments)
    assert code == 0
    (line,) = [line for line in printed.splitlines() if "to do" in line]
    assert missing.as_posix() in line
    assert "1 of 12 runs left" in printed
    assert no_training == []
    assert not (root / "ablation.json").exists()


def test_what_is_finished_is_compared_although_a_run_failed(exon, root, no_training):
    code, printed, _ = exon("replicate", GRID, "--seeds", NEW, "--out", root, "--jobs", 2)
    assert code == 3
    ((choice, jobs, executor, book),) = no_training
    assert (jobs, executor, book) == (2, "local", False)
    assert choice == {"grid": GRID, "seeds": NEW, "root": root.as_posix()}
    assert "12 of 12 runs of ablation/v2_*" in printed
    assert (root / "ablation.json").exists()
