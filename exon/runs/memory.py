"""What to say when the memory of a device is too small."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from exon.errors import UserError
from exon.experiment import Experiment

LACK = re.compile("out of memory|ALLOC_FAILED|not enough memory|can't allocate memory|Kernel died")
"""The words of CUDA and MPS, of cuBLAS and cuDNN, of the CPU on Windows and elsewhere, and of Jupyter where the system kills."""


def advice_on_memory(experiment: Experiment) -> AbstractContextManager[None]:
    """`advice_on` of the settings of an experiment."""
    return advice_on(batch_size=experiment.batch_size, width=experiment.width)


@contextmanager
def advice_on(**settings: float) -> Iterator[None]:
    """Where memory runs out, a UserError that names the settings to lower; other errors pass."""
    try:
        yield
    except RuntimeError as error:
        first = error.__context__ or error  # the end of a CUDA graph that lacked memory fails too, for another reason
        if not LACK.search(f"{error} {first}"):
            raise
        given = " and ".join(f"{name} = {value}" for name, value in settings.items())
        the = "The kernel died, as it does where the" if "Kernel died" in str(error) else "The"
        raise UserError(f"{the} memory is too small for {given}: give a smaller {' or '.join(settings)}.") from error
