import json
import re
import subprocess
import sys
import tomllib
import zipfile
from itertools import chain
from pathlib import Path

import yaml

from exon.evaluation import reference
from exon.experiment import Experiment

PROJECT = tomllib.loads(Path("pyproject.toml").read_text())["project"]


def names(requirements):
    return {re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-") for requirement in requirements}


def test_environment_installs_the_project_with_its_extras_and_pins():
    environment = yaml.safe_load(Path("environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert f"python{PROJECT['requires-python']}" in conda
    assert pip["pip"][0] == "--constraint constraints.txt"
    extras = re.fullmatch(r"--editable \.\[(.*)\]", pip["pip"][1])[1].split(",")
    assert set(extras) == PROJECT["optional-dependencies"].keys()


def test_every_dependency_is_pinned():
    pinned = names(line for line in Path("constraints.txt").read_text().splitlines() if "==" in line)
    wanted = names([*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())])
    assert wanted <= pinned


def test_constraints_name_no_place():
    assert not re.search(r"file:|https?:|@", Path("constraints.txt").read_text())


def test_the_wheel_holds_the_package_with_its_samples(tmp_path):
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        ".",
        "--no-deps",
        "--no-build-isolation",
        "--quiet",
        "--wheel-dir",
        str(tmp_path),
    ]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    content = set(zipfile.ZipFile(wheel).namelist())
    assert {"exon/data/sample/mnist.npz", "exon/data/sample/cifar10.npz", "exon/losses.py", "exon/py.typed"} <= content
    assert not [name for name in content if name.startswith(("tests/", "book/", "results/"))]


def test_files_stay_short():
    listed = subprocess.run(["git", "ls-files", "*.py", "*.css", "*.js"], capture_output=True, text=True, check=True)
    paths = [Path(name) for name in listed.stdout.splitlines() if "/vendor/" not in name]
    assert paths
    assert {path: n for path in paths if (n := len(path.read_text().splitlines())) > 300} == {}


def test_versions_agree():
    import exon

    assert f"version: {exon.__version__}" in Path("CITATION.cff").read_text()
    assert PROJECT["version"] == exon.__version__


def test_make_refuses_an_unknown_profile_before_it_does_anything():
    result = subprocess.run(["make", "--dry-run", "reproduce", "PROFILE=fast"], capture_output=True, text=True)
    assert result.returncode == 2
    assert "PROFILE = fast is not accepted: give smoke, quick, cpu or paper" in result.stderr
    assert "pip" not in result.stdout
    assert "exon run" not in result.stdout


def test_the_readme_gives_the_stored_numbers():
    """Those of the committed record: one's own run, in the same place, may differ in its rounding."""
    path = "results/quick/mnist/beta-1_seed-1/run.json"
    stored = subprocess.run(["git", "show", f"HEAD:{path}"], capture_output=True, text=True, check=True).stdout
    error = json.loads(stored)["metrics"]["test_error_pct"]
    authors = reference.curve(Experiment.create(profile="quick")).set_index("epoch").loc[3, "test_error_pct"]
    readme = Path("README.md").read_text()
    assert f"**{error:.2f} %** after three epochs" in readme
    assert f"{authors:.2f} % at the same epoch" in readme
