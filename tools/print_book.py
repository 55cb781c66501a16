"""Print the book's single page to _build/exon-companion.pdf with the Chromium that is installed.

make print
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

BUILD = Path(__file__).parents[1] / "_build"
PDF = BUILD / "exon-companion.pdf"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Put the single page where its relative addresses hold, let MathJax finish, and print it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"No browser to print with: install one of {', '.join(BROWSERS)}.")
    page_file = BUILD / "singlehtml" / "print.html"
    shutil.copyfile(BUILD / "singlehtml" / "book" / "index.html", page_file)
    temporary = PDF.with_suffix(".tmp.pdf")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page()
        page.goto(page_file.as_uri())
        page.wait_for_function("() => window.MathJax?.startup?.promise")
        page.evaluate("() => MathJax.startup.promise")
        page.pdf(path=temporary, format="A4", print_background=True)
        chromium.close()
    temporary.replace(PDF)
    print(f"The book is at {PDF}")


main()
