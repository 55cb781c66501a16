"""The first epochs over several seeds, from histories made for the purpose."""

import json
import math

import pandas as pd
import pytest
from scipy import stats

from exon.errors import UserError
from exon.evaluation import first_epochs
from exon.experiment import Experiment
from exon.figures.first_epochs import first_epochs as draw


def write(root, seed, kl, distances=None, beta=0.1, split_seed=1):
    """A run of four epochs with this KL after each, and these distances of its ten components after each."""
    folder = root / f"beta-{beta}_seed-{seed}_split-{split_seed}"
    folder.mkdir()
    experiment = Experiment.create(profile="cpu", beta=beta, seed=seed, split_seed=split_seed, epochs=4)
    (folder / "run.json").write_text(
        json.dumps({"experiment": experiment.model_dump(mode="json"), "metrics": {}, "provenance": {}})
    )
    history = pd.DataFrame({"epoch": range(1, 5), "test_kl_latent": kl})
    for k in range(10 if distances else 0):
        history[f"test_center_distance_{k}"] = [epoch[k] / 2**0.5 for epoch in distances]
    history.to_csv(folder / "history.csv", index=False)
    return folder


@pytest.fixture
def runs(tmp_path):
    """Three seeds, the third without distances, and a run on another split.

    In the first run two components are away after the first epoch, one of them and another one after the third.
    """
    near, far = [0.5] * 10, [9.0, 3.0] + [0.5] * 8
    third = [9.0, 0.5, 2.5] + [0.5] * 7
    return [
        write(tmp_path, 1, [9.0, 10.0, 11.0, 50.0], [far, far, third, [9.0] * 10]),
        write(tmp_path, 2, [10.0, 11.0, 12.0, 50.0], [near, near, near, near]),
        write(tmp_path, 3, [11.0, 12.0, 13.0, 50.0]),
        write(tmp_path, 1, [99.0] * 4, [far] * 4, split_seed=2),
    ]


def test_the_summary_holds_the_spread_over_seeds_and_the_components_that_are_away(runs):
    found = first_epochs.summary(runs)
    assert found.index.tolist() == [0.1]
    row = found.loc[0.1]
    assert (row["n"], row["mean"], row["sd"]) == (3, 12, 1)
    half = stats.t.ppf(0.975, 2) * (4 / 3) ** 0.5
    assert (row["low"], row["high"]) == pytest.approx((12 - half, 12 + half))
    assert row["authors"] == first_epochs.authors_kl(0.1)[3]
    assert row["n_left"] == 2
    assert row["left_first"] == pytest.approx(1)  # two of the twenty components of both runs
    assert row["left"] == pytest.approx(1)
    assert row["stayed"] == pytest.approx(18 / 20)


def test_one_run_without_distances_has_neither_interval_nor_components(tmp_path):
    row = first_epochs.summary([write(tmp_path, 1, [9.0, 10.0, 11.0, 50.0])]).loc[0.1]
    assert (row["n"], row["mean"], row["n_left"]) == (1, 11, 0)
    assert all(math.isnan(row[name]) for name in ("sd", "low", "high", "left_first", "left", "stayed"))


def test_a_beta_that_the_authors_did_not_run_is_named(tmp_path):
    with pytest.raises(KeyError, match=r"0\.3"):
        first_epochs.summary([write(tmp_path, 1, [1.0] * 4, beta=0.3)])


def test_the_figure_draws_every_seed_the_authors_and_every_component(runs):
    kl, far = first_epochs.kl_by_epoch(runs), first_epochs.distances(runs)
    figure = draw(kl, {0.1: first_epochs.authors_kl(0.1)}, far, first_epochs.HALF_WAY)
    curves, components = figure.axes
    drawn = [line.get_ydata().tolist() for line in curves.get_lines() if len(line.get_xdata())]
    assert sorted(drawn[:3]) == [[9, 10, 11], [10, 11, 12], [11, 12, 13]]
    assert drawn[3] == first_epochs.authors_kl(0.1)[:3].tolist()
    points = sorted(map(tuple, components.collections[0].get_offsets().round(6).tolist()))
    assert len(points) == 20
    assert points[-1] == (9, 9)
    assert (3, 0.5) in points


def test_runs_on_other_splits_alone_are_refused(runs):
    with pytest.raises(UserError, match="none of these runs has split_seed = 1"):
        first_epochs.summary(runs[3:])
