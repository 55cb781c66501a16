"""A folder that looks like the repository, with a small notebook in place of the real ones: it trains in a second."""

from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]
TRAIN = """
import torch
from exon import data, explain, metrics, record, train
from exon.experiment import Experiment
from exon.files import from_root

experiment = Experiment.of(globals(), dataset="mnist")
dataset = data.select_classes(data.load("mnist", experiment.source), experiment.classes)
fitted = train.fit(experiment, dataset, record.work_folder(from_root(out)) / "checkpoint.pt")
means = fitted.model.eval().prior.means
with torch.no_grad():
    path = fitted.model.decode(explain.interpolate(means[0], means[-1], 5))
numbers = {"kl": fitted.history[-1]["test_kl"], "path_negative_ssim": metrics.negative_ssim(path)}
record.save(from_root(out), experiment, dataset, fitted, numbers, keep_weights)
"""


def build(folder):
    """Links to the code and an empty folder of results; `prior_design` has the parameters of the real notebook, and a width."""
    for name in ("exon", "Snakefile", "profiles"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "results").mkdir()
    for name in ("judge", "reference"):
        (folder / "results" / name).symlink_to(ROOT / "results" / name)
    content = nbformat.read(ROOT / "notebooks" / "prior_design.ipynb", as_version=4)
    (parameters,) = [cell for cell in content.cells if "parameters" in cell.metadata.get("tags", [])]
    parameters.source += "\nwidth = 0.1"
    content.cells = [parameters, nbformat.v4.new_code_cell(TRAIN)]
    (folder / "notebooks").mkdir()
    nbformat.write(content, folder / "notebooks" / "prior_design.ipynb")
    return folder
