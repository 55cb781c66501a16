"""Write the README's picture, book/_static/latent.svg: the latent scatter of the stored quick run.

python tools/make_picture.py
"""

import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
notebook = json.loads((ROOT / "results/quick/mnist/beta-1_seed-1/run.ipynb").read_text())
(cell,) = (cell for cell in notebook["cells"] if cell["id"] == "latent")
(image,) = (output["data"]["image/svg+xml"] for output in cell["outputs"] if "image/svg+xml" in output.get("data", {}))
(ROOT / "book/_static/latent.svg").write_text("".join(image))
