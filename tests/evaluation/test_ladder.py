"""The ladder, from records made for the purpose."""

import json

import pytest

from exon.errors import UserError
from exon.evaluation.ladder import rungs
from exon.experiment import Experiment


@pytest.fixture
def rung(tmp_path):
    """Write a run with these settings and numbers."""

    def write(name, validation, recon=60.0, **settings):
        folder = tmp_path / name
        folder.mkdir()
        e = Experiment.create(dataset="cifar10", profile="cpu", **settings)
        metrics = {"validation_error_pct": validation, "test_error_pct": 50.0, "recon": recon}
        content = {"experiment": e.model_dump(mode="json"), "metrics": metrics, "provenance": {}}
        (folder / "run.json").write_text(json.dumps(content))
        return folder

    return write


def test_a_rung_is_held_against_the_last_one_that_was_kept(rung):
    runs = [
        rung("beta-0.05_seed-1", 30.0),
        rung("10_linear", 25.5, width=0.25, learning_rate_schedule="linear"),
        rung("2_dirac", 28.0, width=0.25, initialisation="dirac", epochs=3),
        rung("1_width", 26.0, width=0.25),
    ]
    found = rungs(runs)
    assert [run.name for run in found["run"]] == ["beta-0.05_seed-1", "1_width", "2_dirac", "10_linear"]
    assert found["kept"].tolist() == [True, True, False, True]
    assert found["gain"].tolist()[1:] == [4.0, -2.0, 0.5]
    assert found["changes"].tolist() == [
        {},
        {"width": 0.25},
        {"initialisation": "dirac"},
        {"learning_rate_schedule": "linear"},
    ]
    assert found["epochs"].tolist() == [12, 12, 3, 12]


def test_a_ladder_without_its_bottom_is_refused(rung):
    with pytest.raises(UserError, match="no bottom: its first run is 1_width"):
        rungs([rung("1_width", 26.0, width=0.25)])


def test_no_gain_is_no_reason_to_keep_a_rung(rung):
    assert rungs([rung("bottom", 30.0), rung("1_width", 30.0, width=0.25)])["kept"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("validation", "recon", "kept"), [(30.4, 59.0, True), (30.5, 59.0, False), (29.0, 60.0, False), (29.0, 59.9, True)]
)
def test_a_rung_for_the_images_must_improve_them_and_may_cost_half_a_point(rung, validation, recon, kept):
    images = rung("1_images", validation, recon, autoencoder_width=0.5)
    assert rungs([rung("bottom", 30.0), images])["kept"].tolist() == [True, kept]


@pytest.mark.parametrize(("validation", "kept"), [(29.0, False), (28.9, True)])
def test_a_departure_from_the_method_must_gain_more_than_a_point(rung, validation, kept):
    below = rung("bottom", 30.0, ema_decay=0.9)
    above = rung("1_method", validation, ema_decay=0.9, averaged_pseudo_labels=True)
    assert rungs([below, above])["kept"].tolist() == [True, kept]
