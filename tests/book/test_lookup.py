import json
import shutil
import sys
from pathlib import Path

import pytest

from exon.errors import UserError

sys.path.insert(0, "book/_ext")
from exon_book.lookup import median_run

RUN = Path("results/quick/mnist/beta-1_seed-1")


@pytest.fixture
def runs(tmp_path):
    """Make the folders of runs from pairs of seed and validation error."""

    def make(*pairs):
        folders = []
        for seed, error in pairs:
            content = json.loads((RUN / "run.json").read_text())
            content["experiment"]["seed"] = seed
            content["metrics"]["validation_error_pct"] = error
            content.pop("sha256", None)
            folders.append(tmp_path / f"seed-{seed}")
            shutil.rmtree(folders[-1], ignore_errors=True)
            folders[-1].mkdir()
            (folders[-1] / "run.json").write_text(json.dumps(content))
        return folders

    return make


@pytest.mark.parametrize(
    ("pairs", "seed"),
    [
        ([(1, 3.0), (2, 4.0), (3, 3.5)], 3),
        ([(1, 3.0)], 1),
        ([(1, 4.0), (2, 3.0)], 2),
        ([(3, 3.5), (2, 3.5), (1, 3.0)], 2),
        ([(5, 3.0), (4, 3.0), (3, 3.0), (2, 9.0)], 3),
    ],
)
def test_the_median_run_has_the_median_validation_error_and_of_equals_the_lowest_seed(runs, pairs, seed):
    assert median_run(runs(*pairs)).name == f"seed-{seed}"


def test_a_run_without_validation_error_has_no_place_among_others(runs):
    with pytest.raises(UserError, match="validation_error_pct"):
        median_run(runs((1, 3.0), (2, None)))
