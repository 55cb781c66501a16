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


def test_the_papers_numbers_on_cifar10_are_those_of_its_five_runs():
    """The mean, and the deviation that divides by their number."""
    runs = reference.table("cifar10_runs").groupby(["beta", "metric"])["value"]
    stated = reference.paper("cifar10").set_index(["beta", "metric"])
    assert stated["value"].tolist() == pytest.approx(runs.mean()[stated.index].tolist())
    assert stated["sd"].tolist() == pytest.approx(runs.std(ddof=0)[stated.index].tolist(), abs=6e-4)
    assert stated["n"].tolist() == runs.count()[stated.index].tolist()
