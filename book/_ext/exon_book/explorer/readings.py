"""What an explorer says of the run that it shows: where it is recorded, at which scale, and what its record measured."""

from pathlib import Path
from typing import Any

from exon.runs import record
from exon_book.lookup import anchor, formatted

METRICS = {
    "test error": ("test_error_pct", ".2f %"),
    "center error": ("center_error_pct", ".1f %"),
    "placement error": ("placement_error_pct", ".1f %"),
    "label uncertainty": ("label_uncertainty_pct", ".1f %"),
    "purity": ("purity_pct", ".1f %"),
    "generation error": ("generation_error_pct", ".1f %"),
    "mean V-nat": ("v_nat", ".2f"),
    "cardinality at 1": ("cardinality_mean", ".1f"),
}
"""What stands beside the map -> the metric's name in the record, and its form."""


def readings(run: Path) -> dict[str, Any]:
    """A run's place below results/, its anchor on the page of all runs, its scale in words, and pairs (name, number as text).

    A metric that the record lacks is an en dash.
    """
    content = record.read(run)
    experiment, measured = content["experiment"], content["metrics"]
    texts = {
        name: formatted(measured[metric], form) if metric in measured else "–"
        for name, (metric, form) in METRICS.items()
    }
    return {
        "run": "/".join(run.parts[-3:]),
        "anchor": anchor(run),
        "scale": f"profile {experiment['profile']}, {experiment['epochs']} epochs, {experiment['labels']} labels",
        "metrics": [list(pair) for pair in texts.items()],
    }
