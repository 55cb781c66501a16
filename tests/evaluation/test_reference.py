import pytest

from exon.errors import UserError
from exon.evaluation import reference
from exon.experiment import Experiment


def test_the_authors_curve_is_corrected_and_counted_from_one():
    curve = reference.curve(Experiment.create(profile="quick", seed=7))
    assert curve["epoch"].tolist() == list(range(1, 101))
    stored = reference.table("curves_mnist").query("beta == 1.0 and epoch == 2").set_index("metric")["value"]
    third = curve.set_index("epoch").loc[3]
    assert third["test_error_pct"] == pytest.approx(100 * (1 - stored["test_accuracy"]))
    assert third["test_kl_latent"] == pytest.approx(stored["kl_latent"] * 1.0112)


@pytest.mark.parametrize("other", [{"labels": 50}, {"use_sci": False}, {"beta": 2.0}, {"profile": "smoke"}])
def test_the_authors_have_no_curve_for_other_settings(other):
    assert reference.curve(Experiment.create(**other)) is None


def test_an_unknown_reference_table_is_named():
    with pytest.raises(UserError, match=r"nothing\.csv does not exist: give one of cifar10_runs"):
        reference.table("nothing")
