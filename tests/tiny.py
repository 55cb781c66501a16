"""The settings of an experiment that trains in a second, on a tenth of the sample, and a training that is stopped in between."""

from unittest import mock

import pytest

from exon import train

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
