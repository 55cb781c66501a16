import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def make(tmp_path, monkeypatch):
    """What `make` would do in a folder that has its files, and is installed."""
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PROFILE", "EXON_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy("Makefile", tmp_path)
    for name in ("pyproject.toml", "constraints.txt", "notebooks/mnist.ipynb", ".venv/installed"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def planned(*arguments):
        command = ["make", "--dry-run", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    return planned


@pytest.mark.parametrize("profile", ["smoke", "quick", "cpu", "paper"])
def test_a_reproduction_ends_in_a_verdict_where_a_run_of_its_profile_is_stored(make, tmp_path, profile):
    run = tmp_path / "results" / profile / "mnist" / "beta-1_seed-1"
    own = f"results/own/{profile}/mnist/beta-1_seed-1"
    none = f'echo "No verdict: no run of the profile {profile} is stored."'
    planned = make("reproduce", f"PROFILE={profile}")
    assert f"exon run mnist --profile {profile}" in planned
    assert f"--out {own}" in planned
    assert none in planned
    assert "exon verify" not in planned
    run.mkdir(parents=True)
    (run / "run.json").touch()
    *_, last = make("reproduce", f"PROFILE={profile}").splitlines()
    assert last.endswith(f"-m exon verify results/{profile}/mnist/beta-1_seed-1 --against {own} --brief")


def test_help_names_every_target():
    said = subprocess.run(["make", "help"], capture_output=True, text=True, check=True).stdout
    targets = set(re.findall(r"^\.PHONY: (.*)$", Path("Makefile").read_text(), re.M)[0].split()) - {"help", "clean"}
    assert set(re.findall(r"^make (\w+) ", said, re.M)) == targets


def test_the_quick_profile_is_what_is_reproduced_unless_told_otherwise(make):
    assert make("reproduce") == make("reproduce", "PROFILE=quick")


def test_only_the_quick_profile_may_go_on_with_the_sample(make):
    assert "--or-sample" in make("reproduce")
    for profile in ("smoke", "cpu", "paper"):
        assert "--or-sample" not in make("reproduce", f"PROFILE={profile}")


def test_what_is_reproduced_is_not_run_again_for_the_book(make, tmp_path):
    stamp = tmp_path / ".work" / "quick-mnist.stamp"
    stamp.parent.mkdir()
    stamp.touch()
    planned = make("reproduce")
    assert "exon run" not in planned
    assert "jupyter-book build" in planned
    later = stamp.stat().st_mtime + 10
    os.utime(tmp_path / "notebooks" / "mnist.ipynb", (later, later))
    assert "exon run mnist" in make("reproduce")
