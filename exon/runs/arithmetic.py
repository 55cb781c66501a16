"""The arithmetic of a run: which instructions and how many threads its sums are made with, and so its last bits.

native      the libraries choose their kernels for the processor, and PyTorch the number of threads
portable    the same kernels on every x86-64 processor with AVX2, and a fixed number of threads

PyTorch computes through three libraries, each with a setting of its own: ATen, oneDNN (convolutions) and MKL (matrix products).
They read it when they are first used, so it is put into the environment before a run's kernel starts.
"""

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exon.errors import UserError
from exon.runs.environment import environment
from exon.runs.processor import has_avx2

NAMES = ("portable", "native")
VARIABLES = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "COMPATIBLE"}
OVERRIDING = ("MKL_NUM_THREADS", "OMP_DYNAMIC", "MKL_DYNAMIC")
"""Variables that also set the number of threads; portable arithmetic unsets them."""
THREADS = 2
MKL_CBWR_BRANCH, MKL_CBWR_COMPATIBLE = 1, 3  # of mkl_service.h


def default(profile: str) -> str:
    """Portable for the profiles smoke and quick, where this machine can; native for the long ones, where speed counts."""
    return "portable" if profile in ("smoke", "quick") and portable_here() else "native"


def variables(name: str, threads: int | None = None) -> dict[str, str]:
    """The environment variables of an arithmetic, to be set before a process computes.

    Args:
        threads: None leaves $OMP_NUM_THREADS as it is; where that is not set, portable takes 2.

    Raises:
        UserError: the name is not known, or this machine has no portable arithmetic.
    """
    if name not in NAMES:
        raise UserError(f"arithmetic = {name!r} is not known: give portable or native.")
    if name == "native":
        return {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    if not portable_here():
        raise UserError(
            f"arithmetic = 'portable' needs an x86-64 processor with AVX2, and this ({platform.machine()}) is none: give native."
        )
    return {**VARIABLES, "OMP_NUM_THREADS": str(threads or os.environ.get("OMP_NUM_THREADS") or THREADS)}


@contextmanager
def applied(name: str, threads: int | None = None) -> Iterator[None]:
    """This process's environment, and so that of the processes it starts, as an arithmetic wants it; put back afterwards."""
    unset = (*VARIABLES, *OVERRIDING) if name == "portable" else VARIABLES
    with environment({**dict.fromkeys(unset), **variables(name, threads)}):
        yield


def in_force() -> str:
    """The arithmetic that PyTorch has on this process's CPU: its libraries are asked, where they tell, not only the environment.

    A setting that came after their first use has no effect, and is not believed.
    """
    import torch

    wanted = all(os.environ.get(variable, "").upper() == value.upper() for variable, value in VARIABLES.items())
    capable = torch.backends.cpu.get_cpu_capability() == "AVX2" and torch.backends.mkl.is_available()
    return "portable" if wanted and capable and _mkl_branch() in (MKL_CBWR_COMPATIBLE, None) else "native"


def _mkl_branch() -> int | None:
    """The kernels that MKL has fixed, in its own numbers; None where it cannot be asked."""
    import torch

    try:
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        return int(library.mkl_serv_cbwr_get(MKL_CBWR_BRANCH))
    except (OSError, AttributeError):
        return None


def portable_here() -> bool:
    """Whether this machine can compute portably: an x86-64 one with AVX2, which PyTorch itself would not ask for."""
    return platform.machine().lower() in ("x86_64", "amd64") and has_avx2()
