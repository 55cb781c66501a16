"""The built book, a browser to read it with, and a book of one page."""

import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import sync_playwright
from sphinx.testing.util import SphinxTestApp
from sphinx.util.console import strip_colors

from exon.runs import grid

ROOT = Path(__file__).parents[2]
RUN = Path("results/quick/mnist/beta-1_seed-1")

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


def unsealed(run):
    """The record of a run without its checksum, which what is changed in it would break."""
    content = json.loads((run / "run.json").read_text())
    content.pop("sha256", None)
    return content


@pytest.fixture
def small_book(tmp_path):
    """Build a one-page book with the extension alone; returns its text and warnings.

    changes: a function that alters the record of RUN. kl_at: beta -> the KL of that run. grids: name of a grid -> the
    metrics of its runs, a function of a run's experiment; None leaves the run out. files: path -> text.
    """

    def build(page, results=RUN, profile="quick", changes=None, kl_at=None, grids=None, files=None):
        source = tmp_path / "source"
        shutil.rmtree(source, ignore_errors=True)
        run = source / "results" / "quick" / "mnist" / "beta-1_seed-1"
        shutil.copytree(results, run)
        if changes:
            content = unsealed(run)
            changes(content)
            (run / "run.json").write_text(json.dumps(content))
        for beta, kl in (kl_at or {}).items():
            stored = Path(f"results/cpu/mnist/beta-{beta}_seed-1")
            copy = source / stored
            copy.mkdir(parents=True)
            content = unsealed(stored)
            content["metrics"]["kl"] = kl
            (copy / "run.json").write_text(json.dumps(content))
            shutil.copy(stored / "history.csv", copy)
        for name, metrics in (grids or {}).items():
            for cell in grid.load(name):
                if (measured := metrics(cell.experiment)) is None:
                    continue
                content = unsealed(run)
                content |= {"experiment": cell.experiment.model_dump(mode="json"), "metrics": measured}
                (source / cell.folder).mkdir(parents=True)
                (source / cell.folder / "run.json").write_text(json.dumps(content))
        for path, text in (files or {}).items():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_text(text)
        (source / "index.md").write_text(f"# Page\n\n{page}\n")
        extension = str((Path.cwd() / "book" / "_ext").resolve())
        (source / "conf.py").write_text(
            f"import sys\nsys.path.insert(0, {extension!r})\nextensions = ['myst_parser', 'exon_book']\n"
            "html_theme = 'sphinx_book_theme'\nhtml_theme_options = {}\n"
        )
        app = SphinxTestApp(
            srcdir=source, builddir=tmp_path, confoverrides={"exon_profile": profile}, warning=StringIO()
        )
        try:
            app.build()
            return (tmp_path / "html" / "index.html").read_text(), strip_colors(app.warning.getvalue())
        finally:
            app.cleanup()

    return build


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def serve():
    """Start a server of a folder; returns its address."""
    with ExitStack() as servers:

        def start(folder):
            server = servers.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))))
            servers.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            return f"http://127.0.0.1:{server.server_port}/"

        yield start


@pytest.fixture(scope="session")
def address(site, serve):
    return serve(site)


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
def open_page(browser):
    """Open a page; returns it with its console errors and the requests that left the site."""
    contexts = []

    def open_page(path, base, width=1280, scheme="light"):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        errors, outside = [], []
        page.on("console", lambda m: errors.append(f"{m.text} {m.location['url']}") if m.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((base, "data:", "blob:")) else outside.append(r.url))
        page.route("**/nothing", lambda route: route.continue_())  # else no file of file:// can be replaced later
        page.goto(base + path, wait_until="networkidle")
        return page, errors, outside

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def visit(open_page, address):
    """`open_page` of the book, from a server if nothing else is said."""
    return lambda path, width=1280, scheme="light", base=address: open_page(path, base, width, scheme)


@pytest.fixture
def change():
    """How far the image of the CIFAR-10 explorer is from the decoded one, as its status says."""

    def of(page):
        status = page.inner_text("[data-part=status]")
        return 0.0 if status.endswith("as it was encoded") else float(status.rsplit(" ", 1)[1])

    return of
