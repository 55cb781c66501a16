"""The built book, read as files."""

import inspect
import json
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup
from exon_book.source import without_docstring

from exon import explain, losses
from exon.files import OWN
from exon.model import gumbel_max
from exon.runs import notebook, record

RUN = Path("results/quick/mnist/beta-1_seed-1")


@cache
def pages(site):
    """Path -> parsed page; _static holds the theme's templates, which are no pages."""
    paths = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    return {path: BeautifulSoup(path.read_text(), "html.parser") for path in paths}


def test_every_internal_link_and_image_leads_somewhere(site):
    soups = pages(site)
    targets = {path: {element["id"] for element in soup.find_all(id=True)} for path, soup in soups.items()}
    broken = []
    for path, soup in soups.items():
        links = {e.get("href") or e.get("src") for e in soup.select("a[href], img[src], link[href], script[src]")}
        for link in map(urlsplit, links):
            if link.scheme or link.netloc or not (link.path or link.fragment):
                continue
            target = (path.parent / unquote(link.path)).resolve() if link.path else path
            if not target.exists():
                broken.append((path.name, link.path))
            elif link.fragment and target in targets and unquote(link.fragment) not in targets[target]:
                broken.append((path.name, link.geturl()))
    assert broken == []
    assert len(soups) >= 8


def test_numbers_on_the_page_are_those_of_the_record(site):
    metrics = record.read(RUN)["metrics"]
    soup = pages(site)[site / "book" / "index.html"]
    shown = {(e["title"], e.text) for e in soup.select("abbr.metric")}
    for name in ("test_error_pct", "validation_error_pct"):
        assert (f"{name} in {RUN}/run.json", f"{metrics[name]:.2f}") in shown


def test_the_authors_number_stands_beside_ours(site):
    soup = pages(site)[site / "book" / "index.html"]
    (authors,) = [e for e in soup.select("abbr.metric") if "curves_mnist" in e["title"]]
    assert authors.text == "7.75\u00a0%"  # after three epochs at beta 1


def test_every_run_is_labelled_with_its_origin_and_command(site):
    for name, scale in (
        ("index", "Profile quick, 3 epochs"),
        ("cifar10-images", "Profile cpu, 12 epochs on the whole"),
    ):
        labels = pages(site)[site / "book" / f"{name}.html"].select(".record")
        label, *_ = [label for label in labels if scale in label.text]  # the second, if any, is of a run made here
        run = RUN if name == "index" else Path("results/cpu/cifar10/beta-0.05_seed-1")
        again = (OWN / run.relative_to("results")).as_posix()
        assert notebook.command(run.parent.name, record.experiment_of(run), again) in label.text


def test_every_figure_has_a_description(site):
    for path, soup in pages(site).items():
        for image in soup.select("article img"):
            alt = image.get("alt", "")
            assert len(alt) > 20, (path.name, alt)
            assert not alt.endswith((".svg", ".png")), (path.name, alt)


def test_the_code_of_every_figure_is_one_click_away(site):
    for name in ("mnist", "cifar10", "prior-design"):
        figures = [f for f in pages(site)[site / "book" / f"{name}.html"].select("figure") if f.select_one("img")]
        assert len(figures) > 3
        for figure in figures:
            assert figure.select_one("details.code summary").text == "Code"
            assert figure.select_one("details.code pre").text.strip(), figure.img["alt"]


def test_a_number_leads_to_its_record(site):
    """From a number on the front page over its row on the page of all runs to the value in the file."""
    front = pages(site)[site / "book" / "index.html"]
    numbers = [e for e in front.select("a > abbr.metric") if "test_error_pct in results/quick" in e["title"]]
    assert numbers
    for number in numbers:
        page, _, anchor = number.parent["href"].partition("#")
        row = pages(site)[site / "book" / page].find(id=anchor)
        stored = json.loads((site / "book" / row.select_one("a")["href"]).read_text())
        assert format(stored["metrics"]["test_error_pct"], ".2f") == number.text


def test_every_stored_run_is_listed_with_its_files(site):
    rows = pages(site)[site / "book" / "runs.html"].select("table.runs tbody tr")
    listed = {(site / "book" / row.select_one("a")["href"]).resolve().relative_to(site / "records") for row in rows}
    profiles = [Path("results") / profile for profile in ("quick", "cpu", "day", "gpu", "paper")]
    assert listed == {path.relative_to("results") for folder in profiles for path in folder.glob("*/*/run.json")}
    for path in listed:
        assert (site / "records" / path).read_bytes() == (Path("results") / path).read_bytes()
        kept = Path("results", path).with_name("run.ipynb").is_file()
        assert (site / "records" / path).with_name("run.ipynb").is_file() == kept


def test_the_runs_page_says_what_its_runs_took(site):
    runs = [json.loads(path.read_text()) for path in Path("results").glob("[!so]*/mnist/*/run.json")]
    core_hours = gpu_minutes = 0.0
    for run in runs:
        trained = run["provenance"].get("training", run["provenance"])
        if trained["accelerator"] == "none":
            core_hours += run["metrics"]["seconds"] * trained["threads"] / 3600
        else:
            gpu_minutes += run["metrics"]["seconds"] / 60
    said = f"Training these {len(runs)} runs took {core_hours:.1f} core-hours and {gpu_minutes:.1f} minutes of a GPU."
    assert said in [paragraph.text for paragraph in pages(site)[site / "book" / "runs.html"].select("article p")]


def test_every_entry_of_the_sidebar_has_a_name_of_its_own(site):
    entries = [link.text.strip() for link in pages(site)[site / "book" / "index.html"].select("nav.bd-links li a")]
    assert len(set(entries)) == len(entries) > 20
    assert "One run: r = 4, cpu" in entries


def test_no_page_is_heavy(site):
    """HTML and images of a page of the book itself; executed notebooks carry their figures with them."""
    for path, soup in pages(site).items():
        if path.parent.name == "book":
            sources = {image["src"] for image in soup.select("img[src]") if not image["src"].startswith("data:")}
            size = path.stat().st_size + sum((path.parent / unquote(source)).stat().st_size for source in sources)
            assert size < 1.5e6, path.name


def test_the_theme_brings_only_the_icons_that_are_used(site):
    library = (site / "_static" / "scripts" / "fontawesome.js").read_text()
    assert len(library) < 150_000
    assert "magnifying-glass" in library


def test_functions_are_shown_beside_their_equations(site):
    """As they stand in the package, without docstrings; each bar names what it opens."""
    shown = {}
    for bar in pages(site)[site / "book" / "method.html"].select("details"):
        if names := [code.text for code in bar.summary.select("code")]:
            shown |= dict(zip(names, [block.text for block in bar.select("pre")], strict=True))
    for function in (losses.kl_label, losses.kl_latent, losses.objective, explain.v_nat, gumbel_max):
        text = shown[f"{function.__module__.removeprefix('exon.')}.{function.__name__}"]
        assert text.strip() == without_docstring(inspect.getsource(function)).strip()
        assert '"""' not in text
        compile(text, "shown", "exec")


def test_the_tally_of_verdicts_is_that_of_the_table(site):
    page = pages(site)[site / "book" / "index.html"]
    verdicts = Counter(row.td.text.strip() for row in page.select("table.verdicts tbody tr"))
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    assert verdicts.keys() == {"Partly", "Open", "Against"}  # else the sentence is another one
    total = words[verdicts.total()]
    partly, still_open, against = (words[verdicts[word]] for word in ("Partly", "Open", "Against"))
    said = f"Of {total} tests of the paper’s six claims {partly} are partly supported, {still_open} is open, "
    said += f"and {against} is against; none is supported in full."
    assert said in " ".join(page.select_one("article p").text.split())


def test_equations_do_not_hold_up_the_page(site):
    (mathjax,) = pages(site)[site / "book" / "method.html"].select("script[src*=mathjax]")
    assert mathjax.has_attr("defer") or mathjax.has_attr("async")


def test_pages_ask_no_outside_host_for_anything(site):
    for path, soup in pages(site).items():
        for element in soup.select("img[src], link[rel=stylesheet][href], script[src]"):
            assert not urlsplit(element.get("src") or element.get("href")).netloc, path.name


def test_every_verdict_has_its_runs_and_scale(site):
    """Numbers in the table of verdicts come from records."""
    rows = pages(site)[site / "book" / "index.html"].select("table.verdicts tbody tr")
    assert len(rows) >= 6
    for row in rows:
        found, _, scale = row.select("td")[2:]
        assert found.select("abbr.metric")
        runs, epochs, width, *of_others = scale.select("abbr.metric")
        assert runs.text == "one run" or runs.text.endswith(" runs")
        assert epochs["title"].startswith("max of epochs over ")
        assert width["title"].startswith("max of width over ")
        assert all(other["title"].startswith("max of epochs over ") for other in of_others)
