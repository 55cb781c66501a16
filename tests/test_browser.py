import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import sync_playwright

PAGES = [
    *(f"book/{name}.html" for name in ("index", "method", "mnist", "decisions", "reproduce", "api", "references")),
    "results/quick/mnist/beta-1_seed-1/run.html",
]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(site):
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, address):
    """Open a page; returns it with its console errors and the requests that left the site."""
    contexts = []

    def open_page(path, width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        errors, outside = [], []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((address, "data:", "blob:")) else outside.append(r.url))
        page.goto(address + path, wait_until="networkidle")
        return page, errors, outside

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("path", PAGES)
def test_pages_load_whole_and_alone(visit, path, width, scheme):
    page, errors, outside = visit(path, width, scheme)
    assert errors == []
    assert outside == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    unloaded = page.eval_on_selector_all("img", "all => all.filter(i => i.complete && !i.naturalWidth).map(i => i.src)")
    assert unloaded == []
    assert page.evaluate("document.documentElement.dataset.theme") == scheme


def test_equations_are_rendered(visit):
    page, _, _ = visit("book/method.html")
    page.wait_for_selector("mjx-container")
    assert page.locator("mjx-container").count() > 30
    assert page.locator("mjx-merror, [data-mjx-error]").count() == 0
    assert "$$" not in page.inner_text("article")


def test_the_root_leads_to_the_front_page(visit):
    page, _, _ = visit("")
    page.wait_for_url("**/book/index.html")
    assert "latent space" in page.title()


def test_a_number_tells_its_source(visit):
    page, _, _ = visit("book/mnist.html")
    title = page.locator("abbr.metric").first.get_attribute("title")
    assert title.endswith("in results/quick/mnist/beta-1_seed-1/run.json")


def test_an_equation_is_two_clicks_from_its_source(visit):
    page, errors, _ = visit("book/method.html")
    page.click("text=exon.losses.kl_latent()")
    page.wait_for_url("**/book/api.html#exon.losses.kl_latent")
    assert page.locator("#exon\\.losses\\.kl_latent").is_visible()
    assert errors == []
