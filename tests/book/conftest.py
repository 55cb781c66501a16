"""The built book, and a browser to read it with."""

import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]

CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium():
    """The path of Chromium; where CI promises one, its absence is a failure and not a skip."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed, and CI must not skip the browser tests.")
        pytest.skip("Chromium is not installed")
    return path


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The book, built from the stored records with warnings as errors; the folder of its pages.

    It is built once, also where several processes share the tests.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "book"
    built = folder / "built"
    with FileLock(f"{folder}.lock"):
        if not built.exists():
            program = Path(sys.executable).with_name("jupyter-book")
            command = [program, "build", ".", "-W", "--keep-going", "-n", "--path-output", folder]
            environment = {**os.environ, "EXON_PROFILE": "quick"}
            result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
            assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-5000:]
            built.touch()
    return folder / "_build" / "html"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def address(site):
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(params=["http", "file"])
def home(request, site, address):
    """The site's address: from a server, and as files on the disk."""
    return address if request.param == "http" else f"{site.as_uri()}/"


@pytest.fixture
def visit(browser, address):
    """Open a page; returns it with its console errors and the requests that left the site."""
    contexts = []

    def open_page(path, width=1280, scheme="light", base=address):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        errors, outside = [], []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((base, "data:", "blob:")) else outside.append(r.url))
        page.goto(base + path, wait_until="networkidle")
        return page, errors, outside

    yield open_page
    for context in contexts:
        context.close()
