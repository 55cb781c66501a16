"""One of each kind of what `make faults` counts, and what else a run must survive."""

import os
import pty
import random
import sys
import time

import faults
import pytest
import small_run

from exon.runs import notebook, screen

SMALL = ("run", "small", "--profile", "smoke", "--out", "results/smoke/small/x")
SHORT = ("--set", "epochs=1")


@pytest.fixture
def repository(tmp_path):
    return small_run.repository(tmp_path)


def test_a_killed_run_ends_as_an_undisturbed_one():
    counts = faults.killed("run", 1, random.Random(3))
    assert counts["tried"] == counts["kept"] == 1
    assert counts["kills"] >= 1


def test_a_full_disk_leaves_the_files_before():
    assert faults.full_disk(("notebook",)) == {"tried": 1, "kept": 1}


def test_damage_is_named():
    assert faults.damage(("flip",)) == {"tried": 6, "kept": 6}


@pytest.mark.parametrize("work", ["", "."])
def test_a_run_removes_only_what_it_put_there(repository, monkeypatch, work):
    monkeypatch.setattr(small_run, "WORK", {"EXON_WORK": work})
    run = repository / "results/smoke/small/x"
    run.mkdir(parents=True)
    (run / "notes.txt").write_text("mine")
    small_run.finish(repository, *SMALL, *SHORT)
    record = {"history.csv", "split.json", "run.ipynb", "run.json", "arrays.safetensors"}
    assert {path.name for path in run.iterdir()} == {*record, "model.safetensors", "notes.txt"}
    if work:  # and, with --force, nothing of it is left beside the record of another run
        small_run.finish(repository, *SMALL, *SHORT, "--force", "--set", "seed=2", "--set", "keep_weights=false")
        assert {path.name for path in run.iterdir()} == {*record, "notes.txt"}


def test_a_terminal_that_goes_away_does_not_stop_a_run(repository):
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(repository)
        os.environ |= {"PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1"}
        os.environ.pop("EXON_WORK")
        os.execv(sys.executable, [sys.executable, "-m", "exon", *SMALL, "--set", "epochs=3"])
    checkpoint = repository / ".work/results/smoke/small/x/checkpoint.pt"
    while not checkpoint.exists():
        assert os.waitpid(pid, os.WNOHANG) == (0, 0)
        time.sleep(0.01)
    os.close(terminal)
    os.waitpid(pid, 0)
    assert (repository / "results/smoke/small/x/run.json").exists()
    assert not small_run.left_over(repository)


def test_a_bar_whose_terminal_goes_away_is_missed_by_nobody(monkeypatch):
    terminal, end = pty.openpty()
    monkeypatch.setenv("EXON_TERMINAL", os.ttyname(end))
    items = screen.progress(range(1000), 1000, "items")
    assert next(items) == 0
    os.close(terminal)
    os.close(end)
    assert list(items) == list(range(1, 1000))
    assert list(screen.progress(range(3), 3, "none is left")) == [0, 1, 2]


def test_what_a_cell_says_on_standard_error_reaches_the_user_or_nobody(tmp_path, capsys):
    stream = notebook._Heedless(sys.stderr)
    stream.write("said")
    stream.flush()
    assert capsys.readouterr().err == "said"

    class Gone:
        def write(self, text):
            raise BrokenPipeError

        def flush(self):
            raise BrokenPipeError

    notebook._Heedless(Gone()).write("said")
    notebook._Heedless(Gone()).flush()


def test_a_second_run_on_one_folder_is_refused(repository):
    first = small_run.start(repository, *SMALL, *SHORT)
    while not (repository / "results/smoke/small/x/.part-lock").exists():
        assert first.poll() is None
        time.sleep(0.01)
    time.sleep(0.2)
    second = small_run.start(repository, *SMALL, *SHORT)
    _, said = second.communicate()
    assert second.returncode == 2
    assert said == "exon: Another process is at work on results/smoke/small/x: wait until it has ended.\n"
    _, said = first.communicate()
    assert first.returncode == 0, said
