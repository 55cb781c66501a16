from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import TimeoutError


def pages():
    """The pages of the table of contents."""
    contents = yaml.safe_load(Path("_toc.yml").read_text())
    chapters = [chapter for part in contents["parts"] for chapter in part["chapters"]]
    sections = [section for chapter in chapters for section in chapter.get("sections", [])]
    files = [contents["root"], *(entry["file"] for entry in [*chapters, *sections] if "file" in entry)]
    for entry in sections:
        files += [str(path.with_suffix("")) for path in sorted(Path().glob(entry.get("glob", "-") + ".ipynb"))]
    return [f"{file}.html" for file in files]


@pytest.mark.parametrize("path", pages())
def test_pages_load_whole_and_alone_and_without_barriers(visit, path):
    """In a wide window and on a phone, light and dark; the other scheme of each is looked at for its contrast alone."""
    page, errors, outside = visit(path)
    check_loaded(page)
    for width, scheme, options in (
        *((1280, "light", AXE), (1280, "dark", CONTRAST)),
        *((390, "dark", AXE), (390, "light", CONTRAST)),
    ):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        with suppress(TimeoutError):  # then axe names the element
            page.wait_for_function(SCROLLABLE_IS_FOCUSABLE, timeout=5000)
        assert barriers(page, options) == {}, (width, scheme)
    assert errors == []
    assert outside == []


SCROLLABLE_IS_FOCUSABLE = """() => [...document.querySelectorAll("pre, .pst-scrollable-table-container, .cell_output *")]
    .every((one) => one.scrollWidth <= one.clientWidth || one.tabIndex === 0 || getComputedStyle(one).overflowX === "visible")"""
"""The theme makes it so a moment after the window has changed its size."""


def check_loaded(page):
    """Every image and icon is drawn."""
    unloaded = page.eval_on_selector_all("img", "all => all.filter(i => i.complete && !i.naturalWidth).map(i => i.src)")
    assert unloaded == []
    icons = page.eval_on_selector_all(
        "svg[data-icon]", "all => all.map(i => [i.dataset.icon, i.querySelector('path[d]') != null])"
    )
    assert len(icons) >= 3
    assert [name for name, drawn in icons if not drawn] == []


AXE = {"resultTypes": ["violations"], "preload": False}
"""Without preload: it asks for imported style sheets at addresses that there are not."""
CONTRAST = {**AXE, "runOnly": ["color-contrast"]}
"""The one rule that a colour scheme changes, and the slowest."""


def barriers(page, options):
    """What axe-core finds serious or critical: rule -> the elements."""
    return {
        violation["id"]: [node["html"][:120] for node in violation["nodes"]]
        for violation in Axe().run(page, options=options).response["violations"]
        if violation["impact"] in ("serious", "critical")
    }


FONTS = (
    "async () => { await document.fonts.ready; return [...document.fonts].filter((f) => f.status == 'loaded').length; }"
)

STRAY = """() => [...document.querySelectorAll("article span.math")].filter((formula) => {
  const after = formula.nextSibling;
  if (after?.nodeType !== Node.TEXT_NODE || !/^[,.;:)]/.test(after.data)) return false;
  const mark = document.createRange();
  mark.setStart(after, 0);
  mark.setEnd(after, 1);
  return mark.getBoundingClientRect().top > formula.getBoundingClientRect().bottom - 4;
}).map((formula) => formula.parentElement.innerText)"""
"""Formulas whose punctuation is on the next line."""


def test_equations_are_rendered(visit, home):
    page, errors, outside = visit("book/method.html", base=home)
    page.wait_for_selector("mjx-container")
    assert page.locator("mjx-container").count() > 30
    assert page.locator("mjx-merror, [data-mjx-error]").count() == 0
    assert "$$" not in page.inner_text("article")
    assert page.evaluate(FONTS) > 0
    page.set_viewport_size({"width": 390, "height": 900})
    wide = "all => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.innerText)"
    assert page.eval_on_selector_all("mjx-container[display]", wide) == []
    check_loaded(page)
    for width in range(390, 800, 41):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(STRAY) == []
    assert errors == []
    assert outside == []


def test_the_root_leads_to_the_front_page(visit, home):
    page, _, _ = visit("" if home.startswith("http") else "index.html", base=home)
    page.wait_for_url("**/book/index.html")
    assert "what a reproduction found" in page.title()
    check_loaded(page)


def test_words_are_found(visit, home):
    page, errors, _ = visit("search.html?q=cardinality", base=home)
    page.wait_for_selector("ul.search li a")
    page.locator("ul.search li a", has_text="CIFAR-10").first.click()
    page.wait_for_selector("article h1")
    assert "CIFAR-10" in page.inner_text("article h1")
    assert errors == []


def test_a_number_tells_its_source(visit):
    page, _, _ = visit("book/index.html")
    titles = page.eval_on_selector_all("abbr.metric", "all => all.map((one) => one.title)")
    assert "test_error_pct in results/quick/mnist/beta-1_seed-1/run.json" in titles
    assert all(any(word in title for word in (" in results/", " from results/", " over ", "grid")) for title in titles)


@pytest.mark.parametrize(("width", "shown", "hidden"), [(1280, "wide", "narrow"), (390, "narrow", "wide")])
def test_a_figure_fits_its_screen(visit, width, shown, hidden):
    page, _, _ = visit("book/mnist.html")
    page.set_viewport_size({"width": width, "height": 900})
    figures = page.locator("article figure:has(img.narrow)")
    assert figures.count() > 3
    for figure in figures.all():
        image = figure.locator(f"img.{shown}")
        before = image.bounding_box()["height"]
        image.scroll_into_view_if_needed()
        image.evaluate("image => image.decode()")
        assert image.bounding_box()["width"] > 250
        assert image.bounding_box()["height"] == pytest.approx(before, abs=1)
        assert not figure.locator(f"img.{hidden}").is_visible()
        assert figure.evaluate("figure => figure.scrollWidth <= figure.clientWidth")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_verdicts_are_seen_first(visit, width):
    """The table of claims begins high on the page; every row shows verdict, claim, finding, control and scale."""
    page, _, _ = visit("book/index.html", width=width)
    table = page.locator("table.verdicts")
    assert table.bounding_box()["y"] < 450
    assert table.locator("tbody tr").nth(2).bounding_box()["y"] < 900
    rows = table.locator("tbody tr").all()
    assert {row.locator("td a[href$='.html']").first.inner_text()[0] for row in rows} == set("123456")
    for row in rows:
        cells = row.locator("td").all()
        assert cells[0].inner_text() in ("Supported", "Partly", "Open", "Against")
        assert len(cells) == 5
        for cell in cells:
            box = cell.bounding_box()
            assert box["height"] > 0
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width


def test_an_equation_is_two_clicks_from_its_source(visit, home):
    page, errors, _ = visit("book/method.html", base=home)
    page.click("text=exon.losses.kl_latent()")
    page.wait_for_url("**/book/api/exon.html#exon.losses.kl_latent")
    assert page.locator("#exon\\.losses\\.kl_latent").is_visible()
    assert errors == []
