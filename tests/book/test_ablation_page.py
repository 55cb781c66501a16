"""The tables, figures and roles of the ablation's page."""

import pytest
from bs4 import BeautifulSoup
from exon_book import ablation
from exon_book.tables.ablation import OUTCOMES
from scipy import stats

from exon.errors import UserError
from exon.evaluation.tables import CELLS


def rows_of(html):
    """The text of each cell of all tables, a list for each row."""
    rows = BeautifulSoup(html, "html.parser").select("table tbody tr")
    return [[cell.text.strip() for cell in row.select("td")] for row in rows]


def test_cells_and_effects_of_the_ablation_are_computed_from_the_records(small_book):
    """KL: 5 - 0 with cross-entropy on, 14 - 11 with it off; cross-entropy: 5 - 14 and 0 - 11; interaction: 5 - 3."""
    cells = {(True, True): 5, (True, False): 0, (False, True): 14, (False, False): 11}
    role = "{effect}`ablation/v2_*::%s::KL, cross-entropy on`"
    page = "```{cells} ablation/v2_*\n```\n\n```{effects} ablation/v2_*\n```\n\n" + "\n\n".join(
        (role % "test_error_pct", role % "recon")
    )
    html, warnings = small_book(
        page,
        grids={"ablation": lambda e: dict.fromkeys(OUTCOMES, cells[e.use_cross_entropy, e.use_kl] + e.seed - 2)},
    )
    assert warnings == ""
    assert "n = 3" in html
    rows = rows_of(html)
    title, form = OUTCOMES["test_error_pct"]
    assert form == ".1f"
    assert rows[0] == [title, "5.0 ± 1.0", "0.0 ± 1.0", "14.0 ± 1.0", "11.0 ± 1.0"]
    assert [cell.split()[0] for cell in rows[len(OUTCOMES)][1:]] == ["+5.0", "+3.0", "−9.0", "−11.0", "+2.0"]
    alone, together = (stats.t.ppf(1 - tail / 2, 4) * (2 / 3) ** 0.5 for tail in (0.05, 0.05 / 20))
    assert rows[len(OUTCOMES)][1] == f"+5.0 [+{5 - alone:.1f},\u00a0+{5 + alone:.1f}]"
    primary, other = BeautifulSoup(html, "html.parser").select("abbr.metric")[-2:]
    assert primary.text == f"+5.0 [−{together - 5:.1f},\u00a0+{5 + together:.1f}]"
    assert "95 % interval that holds together with the other 19 primary ones" in primary["title"]
    assert other.text == f"+5.0 [+{5 - alone:.1f},\u00a0+{5 + alone:.1f}]"
    assert "together" not in other["title"]


def test_effects_of_one_seed_have_no_interval(small_book):
    html, warnings = small_book(
        "```{effects} ablation/v3_*\n```", grids={"ablation": lambda e: {"purity_pct": 10.0 * e.use_kl}}
    )
    assert warnings == ""
    assert rows_of(html) == [["purity (%)", "+10.0", "+10.0", "+0.0", "+0.0", "+0.0"]]


def test_the_ablations_figures_have_a_series_for_each_objective_and_split_that_is_complete(small_book, tmp_path):
    """Runs count as soon as their cells have one each; the number of runs stands beside the name."""

    def measured(e):
        done = e.use_sci or e.split_seed == 1 or e.use_kl
        return dict.fromkeys(OUTCOMES, 10.0 * e.use_kl + e.seed) if done else None

    page = "```{plot} ablation-effects\n:alt: x\n```\n\n```{plot} ablation-every-run\n:alt: x\n```"
    grids = {"ablation": measured, "ablation_seeds": measured}
    _, warnings = small_book(page, grids=grids)
    assert warnings == ""
    runs = [run for run in (tmp_path / "source/results/cpu/ablation").iterdir() if run.name.startswith("v")]
    assert list(ablation.series(runs)) == ["without SCI (n = 3)", "with SCI (n = 3)"]
    few = [run for run in runs if run.name != "v3_ce-true_kl-true_seed-3"]
    assert list(ablation.series(few)) == ["without SCI (n = 3)", "with SCI (n = 2 to 3)"]
    figures = (ablation.effects(few), ablation.every_run(few))
    for figure in figures:
        assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == list(ablation.series(few))
    assert [label.get_text() for label in figures[1].axes[0].get_yticklabels()] == list(CELLS.values())
    with pytest.raises(UserError, match="no objective has a finished run of each cell"):
        ablation.series([run for run in runs if "ce-true" in run.name])


def test_a_table_has_the_outcomes_that_its_runs_measured(small_book):
    html, _ = small_book("```{cells} ablation/v3_*\n```", grids={"ablation": lambda e: {"judge_score": 2.0}})
    assert rows_of(html) == [["judge score", *4 * ["2.00"]]]
