"""Records of runs with new seeds that were never trained: each a stored run of the same cell under another seed."""

import json

from exon.evaluation import replication
from exon.files import write_text
from exon.runs import grid, record

GRID, SEEDS = "ablation/v2_*", (31, 32, 33)


def write(root, changed=lambda experiment, metrics: metrics, names=GRID, seeds=SEEDS, settings=None):
    """Records below `root`, without notebooks; returns the runs.

    Args:
        changed: a run's experiment, and the metrics of the stored run with the same place among the seeds -> those of the
            new run; None leaves the run out.
    """
    stored = {}
    for run in grid.select(names):
        if run.done:
            stored.setdefault(_cell(run.experiment), []).append(run.folder)
    runs = grid.select(names, grid.Asked(None, list(seeds), settings or {}, root))
    for run in runs:
        models = stored[_cell(run.experiment)]
        model = models[list(seeds).index(run.experiment.seed) % len(models)]
        if (metrics := changed(run.experiment, record.read(model)["metrics"])) is None:
            continue
        content = json.loads((model / "run.json").read_text())
        content.pop("sha256", None)  # it is another record now
        content |= {"experiment": run.experiment.model_dump(mode="json"), "metrics": metrics}
        write_text(run.folder / "run.json", json.dumps(content))
    return runs


def _cell(experiment):
    e = experiment
    return e.use_cross_entropy, e.use_kl, e.use_sci, e.lambda1, e.kl_weight


def compare(root, names=GRID, seeds=SEEDS, settings=None):
    return replication.compare(names, grid.Asked(None, list(seeds), settings or {}, root))


def only(*names):
    """Of the metrics, these."""
    return lambda _, metrics: {name: metrics[name] for name in names}


def row_of(rows, **keys):
    (row,) = [row for row in rows if all(row[key] == value for key, value in keys.items())]
    return row
