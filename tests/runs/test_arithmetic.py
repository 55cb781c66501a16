import os
import platform
import subprocess
import sys

import pytest
import torch

from exon.errors import UserError
from exon.runs import arithmetic
from exon.runs.arithmetic import OVERRIDING, THREADS, VARIABLES, applied, default, variables

CHANGED = (*VARIABLES, *OVERRIDING, "OMP_NUM_THREADS")


@pytest.fixture(autouse=True)
def _unset(monkeypatch):
    for name in CHANGED:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def capable(monkeypatch):
    monkeypatch.setattr(arithmetic, "portable_here", lambda: True)


@pytest.mark.parametrize(
    ("profile", "name"), [("smoke", "portable"), ("quick", "portable"), ("cpu", "native"), ("paper", "native")]
)
def test_short_profiles_are_portable_where_that_is_possible(capable, monkeypatch, profile, name):
    assert default(profile) == name
    monkeypatch.setattr(arithmetic, "portable_here", lambda: False)
    assert default(profile) == "native"


def test_an_unknown_name_is_one_sentence():
    with pytest.raises(UserError, match=r"^arithmetic = 'foo' is not known: give portable or native\.$"):
        variables("foo")
    with pytest.raises(UserError), applied("foo"):
        pass


@pytest.mark.parametrize(("machine", "avx2"), [("arm64", True), ("x86_64", False)])
def test_portable_needs_an_x86_processor_with_avx2(monkeypatch, machine, avx2):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(arithmetic, "has_avx2", lambda: avx2)
    with pytest.raises(UserError, match=rf"'portable' needs an x86-64 .*AVX2, and this \({machine}\) .*give native"):
        variables("portable")
    assert variables("native") == {}


@pytest.mark.parametrize("machine", ["x86_64", "AMD64"])
def test_every_name_of_x86_is_known(monkeypatch, machine):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(arithmetic, "has_avx2", lambda: True)
    assert arithmetic.portable_here()


def test_portable_fixes_kernels_and_threads(capable, monkeypatch):
    assert variables("portable") == {**VARIABLES, "OMP_NUM_THREADS": str(THREADS)}
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert variables("portable")["OMP_NUM_THREADS"] == "3"
    assert variables("portable", threads=1)["OMP_NUM_THREADS"] == "1"


def test_native_fixes_threads_only_if_asked():
    assert variables("native") == {}
    assert variables("native", threads=1) == {"OMP_NUM_THREADS": "1"}


def test_portable_holds_for_a_while_and_nothing_else_counts_threads(capable, monkeypatch):
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    monkeypatch.setenv("MKL_CBWR", "AVX512")
    before = dict(os.environ)
    with applied("portable"):
        assert {name: os.environ.get(name) for name in CHANGED} == {
            **VARIABLES,
            **dict.fromkeys(OVERRIDING),
            "OMP_NUM_THREADS": "2",
        }
    assert dict(os.environ) == before


def test_native_removes_what_portable_sets_and_leaves_the_threads(capable, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    before = dict(os.environ)
    with applied("portable", threads=1):
        with applied("native"):
            assert not VARIABLES.keys() & os.environ.keys()
            assert os.environ["OMP_NUM_THREADS"] == "1"
        assert os.environ["MKL_CBWR"] == "COMPATIBLE"
    with applied("native"):
        assert os.environ["MKL_NUM_THREADS"] == "7"
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("capability", "mkl", "branch", "threads_alone", "name"),
    [
        ("AVX2", True, 3, False, "portable"),
        ("AVX2", True, None, False, "portable"),  # it cannot be asked
        ("AVX512", True, 3, False, "native"),
        ("AVX2", False, None, False, "native"),
        ("AVX2", True, 1, False, "native"),
        ("AVX2", True, 3, True, "native"),
    ],
)
def test_every_library_must_compute_portably(capable, monkeypatch, capability, mkl, branch, threads_alone, name):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: mkl)
    monkeypatch.setattr(arithmetic, "_mkl_branch", lambda: branch)
    with applied("native", 2) if threads_alone else applied("portable"):
        assert arithmetic.in_force() == name


def answer(code):
    """What a new process prints."""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return result.stdout.split()


ASK = "import torch; from exon.runs import arithmetic; print(arithmetic.in_force(), torch.get_num_threads());"


@pytest.mark.skipif(not arithmetic.portable_here(), reason="needs an x86-64 processor with AVX2")
def test_portable_is_in_force_in_a_process_that_starts_with_it(monkeypatch):
    monkeypatch.setenv("MKL_NUM_THREADS", "1")
    with applied("portable"):
        assert answer(ASK) == ["portable", "2"]


def test_without_it_a_process_is_native_and_a_setting_that_comes_too_late_is_not_believed():
    late = "torch.ones(9, 9) @ torch.ones(9, 9); import os; os.environ.update(arithmetic.VARIABLES);"
    with applied("native", threads=1):
        assert answer(ASK + late + ASK) == ["native", "1", "native", "1"]
