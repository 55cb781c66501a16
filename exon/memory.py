"""How the C library handles the large blocks that every training step allocates and frees."""

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def keep_freed_blocks() -> None:
    """Let glibc reuse freed blocks of up to 1 GiB instead of returning them to the system; elsewhere do nothing.

    By default a block of some megabytes is mapped anew each time, and the kernel zeroes its pages one fault at a time:
    a tenth of an MNIST step on two threads (benchmarks/test_step.py).
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)
