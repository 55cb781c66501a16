"""Write the README's picture, book/_static/latent.svg: the latent scatter of the stored quick run; and from it, with the
Chromium that is installed, book/_static/social.png, what sites show that link to the book.

python tools/make_picture.py
"""

import json
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "book" / "_static"
CARD = """<body style="margin: 0; width: 1200px; height: 630px; display: flex; align-items: center; font-family: sans-serif">
<div style="width: 560px; padding-left: 60px; font-size: 30px; color: #333">
<h1 style="font-size: 64px; color: #111; margin: 0 0 24px">A latent space laid out by hand</h1>
EXoN, a variational autoencoder whose latent space is decided before training</div>
<div style="width: 580px; padding: 0 30px">{svg}</div>
<style>svg {{ width: 100%; height: 560px }}</style></body>"""

notebook = json.loads((ROOT / "results/quick/mnist/beta-1_seed-1/run.ipynb").read_text())
(cell,) = (cell for cell in notebook["cells"] if cell["id"] == "latent")
(image,) = (output["data"]["image/svg+xml"] for output in cell["outputs"] if "image/svg+xml" in output.get("data", {}))
svg = "".join(image)
(STATIC / "latent.svg").write_text(svg)
browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
with sync_playwright() as playwright:
    chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
    page = chromium.new_page(viewport={"width": 1200, "height": 630})
    page.set_content(CARD.format(svg=svg[svg.index("<svg") :]))
    page.screenshot(path=STATIC / "social.png")
    chromium.close()
