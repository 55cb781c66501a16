"""Sweeps through Snakemake, on the sample, in a folder that looks like the repository."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import psutil
import pytest
import small_repository
import torch
from snakemake.cli import parse_config

from exon.errors import UserError
from exon.runs import sweep

GRID = """notebook: prior_design
profile: smoke
runs:
  - distance: [4.0, 8.0]
    seed: [1]
    epochs: 4
    width: 0.25
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
    table = pd.read_csv(folder / "results" / "own" / "summary" / "runs.csv")
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
    record = folder / "results/own/smoke/prior_design/distance-4_seed-1/run.json"
    before = record.stat().st_mtime_ns
    process = start(folder, "grid.yaml")
    assert "0 of 2 runs left." in process.communicate()[0]
    assert process.returncode == 0
    assert record.stat().st_mtime_ns == before


def test_a_run_without_its_notebook_is_done(uninterrupted, tmp_path):
    folder = repository(tmp_path)
    shutil.copytree(uninterrupted[0] / "results" / "own", folder / "results" / "own")
    notebooks = list((folder / "results" / "own").rglob("run.ipynb"))
    assert len(notebooks) == 2
    for path in notebooks:
        path.unlink()
    assert "0 of 2 runs left." in start(folder, "grid.yaml", "--dry-run").communicate()[0]
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run", "--config", "grid=grid.yaml"]
    planned = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert planned.returncode == 0
    assert "Nothing to be done" in planned.stdout + planned.stderr


def test_a_run_that_ended_after_its_sweep_was_killed_is_kept(uninterrupted, tmp_path):
    folder = repository(tmp_path)
    runs = [folder / "results/own/smoke/prior_design" / name for name in ("distance-4_seed-1", "distance-8_seed-1")]
    sweep_process = start(folder, "grid.yaml", "--jobs", "2")
    while len(list(folder.rglob("checkpoint.pt"))) < 2:
        assert sweep_process.poll() is None, sweep_process.communicate()[0]
        time.sleep(0.02)
    for process in psutil.Process(sweep_process.pid).children(recursive=True):
        if "snakemake" in process.cmdline():
            process.kill()
    sweep_process.kill()
    sweep_process.wait()
    while not all((run / "run.json").exists() for run in runs):
        time.sleep(0.02)
    before = [(run / name).stat().st_mtime_ns for run in runs for name in ("run.json", "run.ipynb")]
    output, _ = start(folder, "grid.yaml").communicate()
    assert "0 of 2 runs left." in output
    assert before == [(run / name).stat().st_mtime_ns for run in runs for name in ("run.json", "run.ipynb")]
    pd.testing.assert_frame_equal(results(folder), results(uninterrupted[0]))


def test_a_run_that_another_process_has_finished_is_not_made_again(uninterrupted, tmp_path):
    """Its files come between the plan and its turn: Snakemake neither removes them nor starts the run."""
    folder = repository(tmp_path)
    done = uninterrupted[0] / "results/own/smoke/prior_design"
    (folder / "grid.yaml").write_text(GRID.replace("seed: [1]", "seed: [2, 1]").replace("4.0, 8.0", "4.0"))
    process = start(folder, "grid.yaml")
    while not (begun := list(folder.rglob("checkpoint.pt"))):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    (other,) = {"distance-4_seed-1", "distance-4_seed-2"} - {begun[0].parent.name}
    target = folder / "results/own/smoke/prior_design" / other
    shutil.copytree(done / "distance-4_seed-1", target)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert (target / "run.json").read_bytes() == (done / "distance-4_seed-1" / "run.json").read_bytes()


def test_names_that_look_like_numbers_stay_names():
    """YAML, which Snakemake reads its --config with, would make other things of them."""
    for name in ("2024", "1e3", "[x]"):
        choice = sweep.choice("beta", None, None, [], Path(name))
        assert sweep.asked(parse_config([f"{key}={word}" for key, word in choice.items()])).root == Path(name)


def test_the_profile_is_no_setting():
    with pytest.raises(UserError, match=r"--set profile=paper is not accepted: give --profile paper\."):
        sweep.choice("ablation", None, None, ["profile=paper"], Path("results/own"))


def test_slurm_without_its_command_is_refused_before_anything_starts(monkeypatch):
    monkeypatch.setattr(sweep.shutil, "which", lambda name: None)
    with pytest.raises(UserError, match="--executor slurm needs the command sbatch, which is not here"):
        sweep.run(sweep.choice("beta", "smoke", None, [], Path("results/own")), 1, "slurm", False)


def test_a_device_that_is_not_here_is_named_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="device = 'cuda' is not available here"):
        sweep.run(sweep.choice("mnist_gpu", "smoke", None, [], tmp_path), 1, "local", False)


def test_a_failed_run_is_reported_and_the_others_go_on(tmp_path):
    folder = repository(tmp_path)
    broken = folder / ".work/results/own/smoke/prior_design/distance-4_seed-1/checkpoint.pt"
    broken.parent.mkdir(parents=True)
    broken.write_text("not a checkpoint")
    (folder / "grid.yaml").write_text(GRID.replace("epochs: 4", "epochs: 1"))
    process = start(folder, "grid.yaml")
    output, _ = process.communicate()
    assert process.returncode != 0
    assert "is not a checkpoint that can be read" in output
    assert (folder / "results/own/smoke/prior_design/distance-8_seed-1/run.json").exists()
    assert not (folder / "results/own/smoke/prior_design/distance-4_seed-1/run.json").exists()


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
    assert not (folder / "results" / "own").exists()


def test_a_choice_of_runs_survives_snakemake():
    """YAML, which Snakemake reads its --config with, leaves it as it is."""
    settings = ["labels=50", "classes=[0, 1]", "prior=line", "distance=4.0"]
    choice = sweep.choice("prior_design", "smoke", "11", settings, Path("elsewhere"))
    config = parse_config([f"{name}={word}" for name, word in choice.items()])
    assert sweep.chosen(config) == sweep.chosen(choice)
    root, runs = sweep.chosen(config)
    assert root == Path("elsewhere")
    assert {(run.experiment.seed, run.experiment.labels, run.experiment.classes) for run in runs} == {(11, 50, (0, 1))}


def test_an_unknown_executor_is_named(tmp_path):
    folder = repository(tmp_path)
    output, _ = start(folder, "grid.yaml", "--executor", "pbs").communicate()
    assert "executor = 'pbs' is not known: give local or slurm" in output


def test_jobs_are_runs_at_a_time_however_many_threads_each_has(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(
        sweep.subprocess, "run", lambda command, **_: asked.append(command) or SimpleNamespace(returncode=0)
    )
    beta = sweep.choice("beta", None, None, [], tmp_path)
    for threads in ("", "1", "4"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        assert sweep.run(beta, 2, "local", False) == 0
    assert [command[command.index("--cores") + 1] for command in asked] == ["2", "2", "8"]
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    with pytest.raises(UserError, match="OMP_NUM_THREADS = 'many' is not accepted: give a positive number"):
        sweep.run(beta, 2, "local", False)


def test_a_second_sweep_of_a_grid_is_refused(monkeypatch, tmp_path):
    said = []

    def second(*_, **__):
        with pytest.raises(UserError) as error:
            sweep.run(beta, 1, "local", False)
        said.append(str(error.value))
        return SimpleNamespace(returncode=0)

    beta = sweep.choice("beta", None, None, [], tmp_path)
    monkeypatch.setattr(sweep.subprocess, "run", second)
    assert sweep.run(beta, 1, "local", False) == 0
    assert said == [f"Another process is at work on the runs at profile cpu in {tmp_path}: wait until it has ended."]


def test_the_shells_lines_survive_a_level_that_is_a_list(tmp_path):
    folder = repository(tmp_path)
    (folder / "grid.yaml").write_text(GRID.replace("distance: [4.0, 8.0]", "classes: [[0, 1], [3, 5]]"))
    command = ["-m", "snakemake", "--cores", "4", "--dry-run", "--printshellcmds", "--config"]
    command += ["grid=grid.yaml", "root=results"]
    environment = {**os.environ, "OMP_NUM_THREADS": "3"}
    result = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    for classes in ((0, 1), (3, 5)):
        run = "results/smoke/prior_design/classes-{}-{}_seed-1".format(*classes)
        (line,) = [line for line in (result.stdout + result.stderr).splitlines() if f"--out {run} " in line]
        words = shlex.split(line.partition("|| ")[2])
        assert words[0] == "OMP_NUM_THREADS=3"
        assert "classes=[{}, {}]".format(*classes) in words
        assert words[-3:] == [">", f".work/logs/{run}.log", "2>&1"]
