import platform
import subprocess

import pytest

from exon.runs import processor as processors
from exon.runs import provenance
from exon.runs.processor import has_avx2, processor, words

CPUINFO = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC 9654: 96 cores
flags\t\t: fpu sse4_2 avx avx2 bmi2

processor\t: 1
vendor_id\t: another
cpu family\t: 6
model\t\t: 1
model name\t: another
flags\t\t: fpu
"""
CAPABILITIES = ("DEFAULT", "AVX2", "AVX512", "NO AVX", "ZVECTOR", "VSX", "SVE256", "SVE")


@pytest.fixture
def linux(monkeypatch, tmp_path):
    """A Linux with this /proc/cpuinfo; None for one without."""

    def with_cpuinfo(text):
        path = tmp_path / "cpuinfo"
        if text is not None:
            path.write_text(text)
        monkeypatch.setattr(platform, "system", lambda: "Linux")
        monkeypatch.setattr(processors, "Path", {"/proc/cpuinfo": path}.__getitem__)

    return with_cpuinfo


@pytest.fixture
def mac(monkeypatch):
    """A macOS whose sysctl knows these keys."""

    def with_answers(answers):
        def run(command, **_):
            program, option, key = command
            assert (program, option) == ("sysctl", "-n")
            return subprocess.CompletedProcess(command, key not in answers, answers.get(key, "unknown oid") + "\n", "")

        monkeypatch.setattr(platform, "system", lambda: "Darwin")
        monkeypatch.setattr(subprocess, "run", run)

    return with_answers


def test_the_processor_here_has_a_brand_and_a_capability():
    here = processor()
    assert list(here) == ["brand", "vendor", "family", "model", "capability"]
    assert here["brand"]
    assert here["capability"] in CAPABILITIES
    assert all(value is None or isinstance(value, int) for value in (here["family"], here["model"]))


def test_on_linux_the_first_processor_is_described(linux):
    linux(CPUINFO)
    found = processor()
    assert found.pop("capability") in CAPABILITIES
    assert found == {"brand": "AMD EPYC 9654: 96 cores", "vendor": "AuthenticAMD", "family": 25, "model": 17}


@pytest.mark.parametrize("text", [None, "processor\t: 0\nCPU implementer\t: 0x41\n"])
def test_what_linux_does_not_tell_is_none(linux, monkeypatch, text):
    linux(text)
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    found = processor()
    del found["capability"]
    assert found == {"brand": "aarch64", "vendor": None, "family": None, "model": None}
    assert not has_avx2()


def test_on_a_mac_sysctl_is_asked(mac):
    brand = {"machdep.cpu.brand_string": "Intel(R) Core(TM) i7"}
    mac({**brand, "machdep.cpu.vendor": "GenuineIntel", "machdep.cpu.family": "6", "machdep.cpu.model": "158"})
    found = processor()
    del found["capability"]
    assert found == {"brand": "Intel(R) Core(TM) i7", "vendor": "GenuineIntel", "family": 6, "model": 158}
    mac({"machdep.cpu.brand_string": "Apple M2"})
    found = processor()
    del found["capability"]
    assert found == {"brand": "Apple M2", "vendor": None, "family": None, "model": None}


def test_avx2_is_read_from_what_the_system_tells(linux, mac):
    linux(CPUINFO)
    assert has_avx2()
    linux(CPUINFO.replace(" avx2", " avx2_of_another_kind"))
    assert not has_avx2()
    mac({"machdep.cpu.leaf7_features": "RDWRFSGS AVX2 BMI2"})
    assert has_avx2()
    mac({})
    assert not has_avx2()


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ("AMD EPYC", "AMD EPYC"),
        (
            {"brand": "AMD EPYC", "vendor": "AuthenticAMD", "family": 25, "model": 1, "capability": "AVX2"},
            "AMD EPYC, family 25 model 1, AVX2",
        ),
        (
            {"brand": "Apple M2", "vendor": None, "family": None, "model": None, "capability": "DEFAULT"},
            "Apple M2, DEFAULT",
        ),
        (
            {"brand": "AMD EPYC", "vendor": "AuthenticAMD", "family": 0, "model": 0, "capability": None},
            "AMD EPYC, family 0 model 0",
        ),
    ],
)
def test_a_processor_in_words(stored, said):
    assert words(stored) == said


def test_a_record_tells_its_processor(sample):
    begun = provenance.finish(provenance.begin(sample))
    assert begun["processor"] == processor()
    assert begun["accelerator"] == "none"
    assert provenance.hardware(begun) == words(processor())
    assert provenance.hardware({**begun, "accelerator": "NVIDIA H100"}) == "NVIDIA H100"
