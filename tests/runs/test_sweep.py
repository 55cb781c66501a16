"""Sweeps through Snakemake, on the sample, in a folder that looks like the repository."""

import os
import re
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import small_repository

from exon.runs import grid, sweep

GRID = """notebook: prior_design
profile: smoke
runs:
  - distance: [4.0, 8.0]
    seed: [1]
    epochs: 4
"""


def repository(folder):
    """A small repository with a grid."""
    small_repository.build(folder)
    (folder / "grid.yaml").write_text(GRID)
    return folder


def start(folder, *arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("EXON_WORK", None)
    return subprocess.Popen(
        [sys.executable, "-m", "exon", "sweep", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def results(folder):
    table = pd.read_csv(folder / "results" / "summary" / "runs.csv")
    return table[table["metric"] != "seconds"].reset_index(drop=True)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = repository(tmp_path_factory.mktemp("uninterrupted"))
    process = start(folder, "grid.yaml", "--jobs", "2")
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return folder, output


def test_a_sweep_ends_with_every_run_and_the_summary(uninterrupted):
    folder, output = uninterrupted
    assert "2 of 2 runs left: cost unknown" in output
    table = results(folder)
    assert set(table["run"]) == {"distance-4_seed-1", "distance-8_seed-1"}
    assert "path_negative_ssim" in set(table["metric"])


def test_a_sweep_killed_twice_ends_with_the_same_summary(uninterrupted, tmp_path):
    folder = repository(tmp_path)
    killed_in = set()
    for _ in range(2):
        process = start(folder, "grid.yaml", "--jobs", "1")
        while not (begun := {path.parent.name for path in folder.rglob("checkpoint.pt")} - killed_in):
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        killed_in |= begun
        left = start(folder, "grid.yaml", "--dry-run").communicate()[0]
        assert re.search(rf"{begun.pop()}\s+epoch [1-4] of 4", left), left
    process = start(folder, "grid.yaml", "--jobs", "1")
    output, _ = process.communicate()
    assert process.returncode == 0, output
    pd.testing.assert_frame_equal(results(folder), results(uninterrupted[0]))


def test_a_finished_sweep_does_nothing(uninterrupted):
    folder, _ = uninterrupted
    record = folder / "results/smoke/prior_design/distance-4_seed-1/run.json"
    before = record.stat().st_mtime_ns
    process = start(folder, "grid.yaml")
    assert "0 of 2 runs left: about 0 minutes" in process.communicate()[0]
    assert process.returncode == 0
    assert record.stat().st_mtime_ns == before


def test_a_failed_run_is_reported_and_the_others_go_on(tmp_path):
    folder = repository(tmp_path)
    broken = folder / ".work/results/smoke/prior_design/distance-4_seed-1/checkpoint.pt"
    broken.parent.mkdir(parents=True)
    broken.write_text("not a checkpoint")
    (folder / "grid.yaml").write_text(GRID.replace("epochs: 4", "epochs: 1"))
    process = start(folder, "grid.yaml")
    output, _ = process.communicate()
    assert process.returncode != 0
    assert "is not a checkpoint that can be read" in output
    assert (folder / "results/smoke/prior_design/distance-8_seed-1/run.json").exists()
    assert not (folder / "results/smoke/prior_design/distance-4_seed-1/run.json").exists()


@pytest.mark.parametrize("arguments", [["-m", "exon", "sweep"], ["-m", "snakemake", "--cores", "1", "--config"]])
def test_a_bad_grid_stops_before_any_run(tmp_path, arguments):
    folder = repository(tmp_path)
    (folder / "grid.yaml").write_text(GRID.replace("4.0, 8.0", "4.0, -8.0"))
    name = "grid.yaml" if "exon" in arguments else "grid=grid.yaml"
    result = subprocess.run(
        [sys.executable, *arguments, name], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert result.returncode != 0
    assert "grid.yaml, line 4: distance = -8.0 is not accepted: give a number greater than 0." in result.stdout
    assert "Traceback" not in result.stdout
    assert not (folder / "results" / "smoke").exists()


def test_the_plan_measures_minutes_on_stored_runs():
    (row,) = sweep.plan([run for run in grid.load("beta", "paper") if run.name == "beta-5_seed-1"]).to_dict("records")
    assert row["state"] == "to do"
    assert 30 < row["minutes"] < 3000
    assert row["megabytes"] > 0


def test_an_unknown_executor_is_named(tmp_path):
    folder = repository(tmp_path)
    output, _ = start(folder, "grid.yaml", "--executor", "pbs").communicate()
    assert "executor = 'pbs' is not known: give local or slurm" in output
