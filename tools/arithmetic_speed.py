"""What portable arithmetic costs: the time of a training step of MNIST against native, into results/portable_speed.json.

    python tools/arithmetic_speed.py

Processes of either kind take turns, so that what else the machine does meets both alike.
"""

import json
import statistics
import subprocess
import sys
import time

from exon import data, files
from exon.runs import arithmetic, provenance
from exon.runs.processor import words

ROUNDS, STEPS, WARM_UP = 5, 12, 2
THREADS = arithmetic.THREADS


def seconds() -> float:
    """The median time of a step with SCI and the authors' batches, in this process."""
    import torch

    from exon import train
    from exon.experiment import Experiment
    from exon.model import build
    from exon.optimization import make_optimizers

    experiment, sample = (
        Experiment.create(dataset="mnist", profile="quick", source="sample"),
        data.load("mnist", "sample"),
    )
    model = build("mnist", experiment.build_prior(), 1.0, torch.Generator().manual_seed(1))
    images = train.TrainingImages.of(sample, slice(100))
    step = train.make_step(experiment, model, make_optimizers(experiment, model), images)
    labelled = experiment.labelled_batch_size
    times = []
    for _ in range(STEPS):
        start = time.perf_counter()
        step(torch.arange(labelled), torch.arange(experiment.batch_size - labelled) + 100, 1.0, 1000.0)
        times.append(time.perf_counter() - start)
    return statistics.median(times[WARM_UP:])


def measured(name: str) -> float:
    """`seconds` of a process with that arithmetic."""
    with arithmetic.applied(name, THREADS):
        return float(
            subprocess.run([sys.executable, __file__, name], check=True, capture_output=True, text=True).stdout
        )


def main() -> None:
    """Measure in turns, and write the record."""
    rounds = [{name: measured(name) for name in arithmetic.NAMES} for _ in range(ROUNDS)]
    ratios = [each["portable"] / each["native"] for each in rounds]
    origin = provenance.finish(provenance.begin(data.load("mnist", "sample")))
    metrics = {
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "rounds": ROUNDS,
        "processor_name": words(origin["processor"]),
    }
    path = files.from_root("results/portable_speed.json")
    files.write_text(path, json.dumps({"metrics": metrics, "provenance": origin}, indent=1) + "\n")
    print(f"{path}: portable takes {metrics['ratio']:.2f} times as long on {metrics['processor_name']}")


if __name__ == "__main__":
    print(seconds()) if sys.argv[1:] else main()
