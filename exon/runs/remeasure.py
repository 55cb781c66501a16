"""Measure anew what the stored codes of a run say, without its networks, and put into its record what is not there yet."""

from pathlib import Path

import torch

from exon import data
from exon.errors import UserError
from exon.evaluation import traits
from exon.runs import provenance, record


def remeasure(run: Path) -> list[str]:
    """Add to a run's record what `exon.evaluation.traits.summarize` says of its codes and the test images.

    The codes are stored in half precision, so that the numbers are not quite those that the run itself would measure.

    Returns:
        The names that were added.

    Raises:
        UserError: the run keeps no codes, or those of other test images.
    """
    experiment, arrays = record.experiment_of(run), record.arrays(run)
    if not {"z", "labels"} <= arrays.keys():
        raise UserError(f"{run} keeps no codes: give the folder of a run whose arrays.safetensors holds z and labels.")
    dataset = data.load(experiment.dataset, experiment.source)
    if experiment.classes is not None:
        dataset = data.select_classes(dataset, experiment.classes)
    if not torch.equal(arrays["labels"].long(), dataset.test_labels):
        raise UserError(f"{run} keeps codes of other test images than {experiment.dataset} has here.")
    measured = traits.summarize(arrays["z"].float(), dataset.test_labels, dataset.test_images, experiment.build_prior())
    return record.amend(run, measured, provenance.finish(provenance.begin(dataset)))
