"""The ledger's tables, from records made for the purpose."""

import json
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from scipy import stats

from exon.evaluation import reference
from exon.experiment import Experiment


def rows_of(html):
    """The table's rows below its heads, as text."""
    rows = BeautifulSoup(html, "html.parser").select("tbody tr")
    return [[cell.text.strip().replace("−", "-") for cell in row.select("td")] for row in rows]


@pytest.fixture
def authors_kl():
    """The authors' KL at beta 1: after epoch 20, and in their table."""
    curve = reference.curve(Experiment.create(profile="paper", beta=1.0)).set_index("epoch").loc[20]
    table = reference.table("paper").query("dataset == 'mnist' and metric == 'kl'").set_index("beta")["value"]
    return curve["test_kl_label"] + curve["test_kl_latent"], table[1.0]


def test_the_spread_of_a_single_run_is_unknown(small_book, authors_kl):
    html, warnings = small_book("```{ledger} beta::kl\n```", kl_at={1: 7.0, 5: 4.0})
    assert warnings == ""
    early, late = authors_kl
    rows = rows_of(html)
    assert rows[0] == ["1", "7.00", "1", f"{early:.2f}", f"{7 - early:+.2f}", f"{late:.2f}"]
    assert [head.text for head in BeautifulSoup(html, "html.parser").select("th")] == [
        *("β", "here", "n", "authors, same epoch", "gap", "authors, epoch 100")
    ]
    assert len(rows) == 2


@pytest.mark.parametrize(("middle", "inside"), [(7.0, "yes"), (17.0, "no")])
def test_the_authors_run_is_held_against_the_interval_of_one_more_at_its_own_beta(
    small_book, authors_kl, middle, inside
):
    """Another beta's seeds do not make it wider."""
    spread = {1: -0.5, 2: 0.0, 3: 0.5}

    def measured(e):
        return {"kl": middle + spread[e.seed]} if e.beta == 1 else {"kl": 100.0 * e.seed} if e.beta == 5 else None

    html, warnings = small_book(
        "```{ledger} beta beta_seeds::kl\n```", grids={"beta": measured, "beta_seeds": measured}
    )
    assert warnings == ""
    rows = {row[0]: row for row in rows_of(html)}
    half = stats.t.ppf(0.975, 2) * 0.5 * (4 / 3) ** 0.5
    assert rows["1"][1:4] == [inside, f"{middle:.2f} ± 0.50", "3"]
    assert rows["1"][6] == f"{middle - half:.2f} to {middle + half:.2f}"
    assert rows["5"][3] == "3"  # without the runs on other splits
    assert rows["5"][6].startswith("0.00 to ")  # a KL is never negative


def test_runs_of_the_papers_length_have_a_column(small_book, authors_kl):
    content = json.loads(Path("results/quick/mnist/beta-1_seed-1/run.json").read_text())
    content.pop("sha256", None)
    experiment = Experiment.create(profile="paper", beta=1.0, seed=1)
    content |= {"experiment": experiment.model_dump(mode="json"), "metrics": {"kl": 6.5}}
    stored = {"results/paper/mnist/beta-1_seed-1/run.json": json.dumps(content)}
    html, warnings = small_book("```{ledger} beta::kl\n```", kl_at={1: 7.0, 5: 4.0}, files=stored)
    assert warnings == ""
    assert "here, 100 epochs" in html
    assert [row[5] for row in rows_of(html)] == ["6.50", "–"]


def test_the_ledger_of_cifar10_takes_the_authors_at_the_same_step(small_book):
    html, warnings = small_book(
        "```{ledger} cifar10/beta-*::test_error_pct\n```", grids={"cifar10": lambda e: {"test_error_pct": 40.0}}
    )
    assert warnings == ""
    e = Experiment.create(dataset="cifar10", profile="cpu")
    steps = e.epochs * (50_000 // e.batch_size)
    curves = reference.table("curves_cifar10").query("beta == 0.5 and metric == 'test_accuracy'")
    at = min(curves["epoch"].unique(), key=lambda epoch: abs(390 * (epoch + 1) - steps))
    same_step = 100 * (1 - curves[curves["epoch"] == at]["value"].mean())
    paper = (
        reference.table("paper").query("dataset == 'cifar10' and metric == 'test_error_pct' and beta == 0.5").iloc[0]
    )
    assert rows_of(html)[3] == [
        "0.5",
        "40.00",
        "1",
        f"{paper['value']:.2f} ± {paper['sd']:.2f}",
        "5",
        f"+{40 - paper['value']:.2f}",
        f"{same_step:.2f}",
    ]
