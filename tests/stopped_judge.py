"""A judge's training that is stopped in between."""

from contextlib import contextmanager
from unittest import mock

import pytest

from exon.evaluation.judge import supervised


@contextmanager
def stopped_in_the_last_epoch():
    """What trains inside is stopped when its last epoch begins."""
    epoch = supervised._epoch

    def stop(state, settings, number, *rest):
        if number == settings.epochs - 1:
            raise KeyboardInterrupt
        return epoch(state, settings, number, *rest)

    with mock.patch.object(supervised, "_epoch", stop), pytest.raises(KeyboardInterrupt):
        yield
