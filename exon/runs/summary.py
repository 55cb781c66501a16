"""All records as one table."""

from pathlib import Path
from typing import TYPE_CHECKING

from exon.experiment import Experiment
from exon.runs import record

if TYPE_CHECKING:
    import pandas as pd

SETTINGS = tuple(name for name in Experiment.model_fields if name != "profile")
COLUMNS = ("profile", "experiment", "run", *SETTINGS, "metric", "value")


def summarize(results: Path) -> "pd.DataFrame":
    """One row per run and metric, of all records below `results`; the columns are those of `COLUMNS`: every setting has one."""
    import pandas as pd

    rows = []
    for path in sorted(results.glob("*/*/*/run.json")):
        content = record.read(path.parent)
        settings = dict(zip(("profile", "experiment", "run"), path.parent.relative_to(results).parts, strict=True))
        for name, value in Experiment(**content["experiment"]):
            if name in SETTINGS:
                settings[name] = " ".join(map(str, value)) if isinstance(value, tuple) else value  # the list of classes
        rows += [{**settings, "metric": metric, "value": value} for metric, value in content["metrics"].items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))
