"""What to say when the memory of a device is too small."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from exon.errors import UserError
from exon.experiment import Experiment

LACK = re.compile("out of memory|ALLOC_FAILED|not enough memory|can't allocate memory")
"""The words of CUDA and MPS, of cuBLAS and cuDNN, of the CPU on Windows and elsewhere."""


@contextmanager
def advice_on_memory(experiment: Experiment) -> Iterator[None]:
    """Where memory runs out, a UserError that names the settings to lower; other errors pass."""
    try:
        yield
    except RuntimeError as error:
        if not LACK.search(str(error)):
            raise
        settings = f"batch_size = {experiment.batch_size} and width = {experiment.width}"
        raise UserError(f"The memory is too small for {settings}: give a smaller batch_size or width.") from error
