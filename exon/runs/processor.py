"""The processor of a run, by the numbers that tell one generation from another: a brand is the same for many years."""

import platform
import subprocess
from pathlib import Path
from typing import Any

CPUINFO = {"brand": "model name", "vendor": "vendor_id", "family": "cpu family", "model": "model", "flags": "flags"}
SYSCTL = {
    "brand": "machdep.cpu.brand_string",
    "vendor": "machdep.cpu.vendor",
    "family": "machdep.cpu.family",
    "model": "machdep.cpu.model",
}


def processor() -> dict[str, Any]:
    """brand, vendor, family and model, None where the system does not tell, and capability.

    The capability is PyTorch's name for the vector instructions that it uses here: AVX2, AVX512, DEFAULT, ...
    """
    import torch

    found = _sysctl() if platform.system() == "Darwin" else _cpuinfo()
    numbers = {name: int(found[name]) if found.get(name, "").isdigit() else None for name in ("family", "model")}
    return {
        "brand": found.get("brand") or platform.processor() or platform.machine(),
        "vendor": found.get("vendor"),
        **numbers,
        "capability": torch.backends.cpu.get_cpu_capability(),
    }


def words(processor: dict[str, Any] | str) -> str:
    """A record's processor for a reader, as in "AMD EPYC, family 25 model 1, AVX2"; older records hold the brand alone."""
    if isinstance(processor, str):
        return processor
    generation = f"family {processor['family']} model {processor['model']}" if processor["family"] is not None else None
    return ", ".join(filter(None, (processor["brand"], generation, processor["capability"])))


def has_avx2() -> bool:
    """Whether the processor has the vector instructions AVX2; False where the system does not tell."""
    if platform.system() == "Darwin":
        return "AVX2" in _answer("machdep.cpu.leaf7_features").split()
    return "avx2" in _cpuinfo().get("flags", "").split()


def _cpuinfo() -> dict[str, str]:
    """Linux's account of the first processor."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return {}
    lines = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first)}
    return {name: lines[key] for name, key in CPUINFO.items() if key in lines}


def _sysctl() -> dict[str, str]:
    """macOS's; an Apple processor has a brand alone."""
    answers = {name: _answer(key) for name, key in SYSCTL.items()}
    return {name: answer for name, answer in answers.items() if answer}


def _answer(key: str) -> str:
    """What sysctl says to a key, "" if nothing."""
    answer = subprocess.run(["sysctl", "-n", key], capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else ""
