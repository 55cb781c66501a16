"""An experiment that trains in a second on a tenth of the sample, one step of it, and a training stopped in between."""

import copy
from unittest import mock

import pytest
import torch

from exon import data, optimization, train

TINY = {"profile": "smoke", "epochs": 2, "width": 0.25, "labels": 20, "validation": 100}


def stop_after_the_first_epoch(experiment, dataset, path):
    """Train until there is a checkpoint of the first epoch, and stop in the second one."""
    evaluate = train.evaluate

    def stop(*arguments):
        if path.exists():
            raise KeyboardInterrupt
        return evaluate(*arguments)

    with mock.patch.object(train, "evaluate", stop), pytest.raises(KeyboardInterrupt):
        train.fit(experiment, dataset, path)


def without_time(history):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


def one_step(experiment, sample):
    """A model before and after one step, and the step's terms."""
    chosen = data.split(sample.train_labels, 20, 100, 1)
    images = train.TrainingImages.of(sample, chosen.labelled)
    model = train.build_for(experiment)
    optimizers = optimization.make_optimizers(experiment, model)
    before = copy.deepcopy(model)
    torch.manual_seed(0)
    terms = train.make_step(experiment, model, optimizers, images)(torch.arange(16), torch.arange(48), 1.0, 100.0)
    return before, model, terms
