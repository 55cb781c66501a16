"""What the repository keeps of its runs."""

import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from exon.runs import record


def test_stored_records_are_complete_and_small():
    runs = [path.parent for path in Path("results").glob("*/*/*/run.json") if "smoke" not in path.parts]
    assert runs
    for run in runs:
        content = record.read(run)
        assert content["provenance"]["commit"] != "unknown"
        assert (run / "history.csv").is_file()
        assert len(pd.read_csv(run / "history.csv")) == content["experiment"]["epochs"]


@pytest.fixture
def tracked():
    """The files of results/ that are in the repository."""
    listed = subprocess.run(["git", "ls-files", "-z", "results"], capture_output=True, text=True, check=False).stdout
    files = [path for name in listed.split("\0") if name and (path := Path(name)).exists()]
    if not files:
        pytest.skip("not a git checkout")
    return files


def test_what_the_repository_stores_is_small(tracked):
    assert sum(path.stat().st_size for path in tracked) < 80e6


def test_the_repository_stores_the_executed_notebooks_that_a_page_shows_and_no_other(tracked):
    """As a page of its own, which _toc.yml lists, or by a figure of it."""
    shown = set()
    for kind, entry in re.findall(r"^ *- (file|glob): (results/\S+)$", Path("_toc.yml").read_text(), re.MULTILINE):
        shown |= (
            {path for path in tracked if path.match(f"{entry}.ipynb")} if kind == "glob" else {Path(f"{entry}.ipynb")}
        )
    figures = "".join(page.read_text() for page in Path("book").glob("*.md"))
    for run in re.findall(r"\{run-figure\} (\S+)::", figures):
        shown.add(Path("results", run.format(profile="quick"), "run.ipynb"))
    kept = {path for path in tracked if path.name == "run.ipynb"}
    assert kept == shown
    assert all(path.stat().st_size < 1.5e6 for path in kept)
