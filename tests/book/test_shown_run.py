"""The rule for the run that stands for its seeds."""

import json
from pathlib import Path

import pytest
from exon_book.lookup import by_beta

from exon.errors import UserError


@pytest.fixture
def run(tmp_path):
    def make(seed, error, beta=1.0, split_seed=1, weights=False):
        content = json.loads(Path("results/quick/mnist/beta-1_seed-1/run.json").read_text())
        content.pop("sha256", None)
        content["experiment"] |= {"beta": beta, "seed": seed, "split_seed": split_seed}
        content["metrics"] = {"validation_error_pct": error, "test_error_pct": 100 - (error or 0.0)}
        folder = tmp_path / f"beta-{beta}_seed-{seed}_split-{split_seed}"
        folder.mkdir()
        (folder / "run.json").write_text(json.dumps(content))
        if weights:
            (folder / "model.safetensors").touch()
        return folder

    return make


@pytest.mark.parametrize(
    ("errors", "seed"),
    [([3.0], 1), ([4.0, 3.0], 1), ([4.0, 3.0, 3.5], 3), ([3.0, 4.0, 4.0], 2), ([5.0, 4.0, 3.0, 2.0], 3)],
)
def test_it_has_the_median_validation_error_or_the_lowest_seed(run, errors, seed):
    runs = [run(number, error) for number, error in enumerate(errors, 1)]
    assert by_beta(runs[::-1]) == {1.0: runs[seed - 1]}


def test_every_beta_has_its_own_in_order(run):
    runs = [run(1, 3.0, beta=50.0), run(1, 3.0, beta=0.1), run(2, 3.0, beta=0.1)]
    assert list(by_beta(runs).items()) == [(0.1, runs[1]), (50.0, runs[0])]


def test_another_split_does_not_take_part(run):
    runs = [run(1, 3.0), run(2, 5.0), run(1, 4.0, split_seed=2)]
    assert by_beta(runs) == {1.0: runs[0]}


def test_where_weights_are_needed_those_without_do_not_take_part(run):
    runs = [run(1, 3.0, weights=True), run(2, 5.0, weights=True), run(3, 4.0)]
    assert by_beta(runs)[1.0] == runs[2]
    assert by_beta(runs, "model.safetensors")[1.0] == runs[0]


def test_a_run_without_validation_error_has_no_place_among_others(run):
    with pytest.raises(UserError, match="validation_error_pct"):
        by_beta([run(1, 3.0), run(2, None), run(3, 4.0)])
