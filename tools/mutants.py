"""Mutation testing: one small wrong change at a time, each run against the tests of the file it is made in.

    python tools/mutants.py [FILE ...]

[tool.mutants] in pyproject.toml names cosmic-ray's operators that make the changes, the files, and the tests of each.
A fork of this process, which has imported every library beforehand, runs the tests on one changed file in about a second.
A change that no test notices is alive; tests/equivalent_mutants.toml says of some why they change nothing that matters.
The exit code is 1 if another is alive. The counts of each file are kept in results/mutants.json.
"""

import difflib
import gc
import importlib.metadata
import json
import os
import resource
import signal
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.machinery import SourceFileLoader
from pathlib import Path
from unittest import mock

import pytest
import torch
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.provider import OperatorProvider
from hypothesis import HealthCheck, Phase, settings

ROOT = Path(__file__).resolve().parents[1]
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutants"]
EQUIVALENT = ROOT / "tests" / "equivalent_mutants.toml"
RECORD = ROOT / "results" / "mutants.json"
PLUGINS = ("randomly", "xdist", "benchmark", "cacheprovider", "unraisableexception", "threadexception")
OPTIONS = [
    "-x",
    "-q",
    "--hypothesis-profile=mutants",
    "--basetemp=.work/mutants",
    *(f"-pno:{name}" for name in PLUGINS),
]
SECONDS, GIB = 120, 6  # what one change may use: one that makes a loop endless is noticed too


def mutants(source: str) -> Iterator[str]:
    """The source with one change, for every change there is."""
    for name in CONFIGURATION["operators"]:
        operator = OperatorProvider()[name]()
        positions = sum(len(list(operator.mutation_positions(node))) for node in ast_nodes(get_ast(source)))
        for occurrence in range(positions):
            yield mutate_code(source, operator, occurrence)


def change(source: str, mutant: str) -> tuple[str, str]:
    """The lines that a mutant takes away, and those it puts in their place."""
    lines = list(difflib.ndiff(source.splitlines(), mutant.splitlines()))
    taken, put = ("\n".join(line[2:].strip() for line in lines if line.startswith(sign)).strip() for sign in "-+")
    return taken, put


def passes(path: Path, source: str, tests: list[str]) -> bool:
    """Whether the tests pass, in a fork, with this source in place of the file's."""
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_DATA, (GIB << 30, GIB << 30))
        signal.alarm(10 * SECONDS)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        replace(path, source)
        os._exit(pytest.main([*OPTIONS, *tests]))
    _, status = os.waitpid(child, 0)
    return status == 0


def replace(path: Path, source: str) -> None:
    """Let an import of the file find this source, and no compiled one."""
    get_data, path_stats = SourceFileLoader.get_data, SourceFileLoader.path_stats

    def data(loader: SourceFileLoader, name: str) -> bytes:
        return source.encode() if Path(name).resolve() == path else get_data(loader, name)

    def stats(loader: SourceFileLoader, name: str) -> object:
        if Path(name).resolve() == path:
            raise OSError("compiled from another source")
        return path_stats(loader, name)

    mock.patch.object(SourceFileLoader, "get_data", data).start()
    mock.patch.object(SourceFileLoader, "path_stats", stats).start()


def import_libraries(tests: list[str]) -> None:
    """Import what the tests import, then forget the package and the tests: a fork imports these anew.

    Nothing is differentiated here: PyTorch refuses to do so in a fork of a process that did.
    """
    pytest.main(["--collect-only", "-qq", *OPTIONS, *tests])
    torch.testing.assert_close(torch.zeros(1), torch.zeros(1))  # imports much at its first call
    forget({"exon", "conftest", *(Path(test).stem for test in tests)})
    gc.collect()
    gc.freeze()


def forget(names: set[str]) -> None:
    """Let the next import of these modules, and of what is in them, read their files."""
    for name in list(sys.modules):
        if name.split(".")[0] in names:
            del sys.modules[name]


def main(chosen: list[str]) -> int:
    """Make all changes in the chosen files, or in all; returns the exit code."""
    torch.set_num_threads(1)
    os.chdir(ROOT)
    Path(".work").mkdir(exist_ok=True)
    settings.register_profile(
        "mutants",
        deadline=None,
        max_examples=25,
        phases=[Phase.explicit, Phase.generate],
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    files = {name: tests for name, tests in CONFIGURATION["tests"].items() if name in chosen or not chosen}
    import_libraries(sorted({test for tests in files.values() for test in tests}))
    known = {(entry["file"], entry["was"].strip(), entry["is"].strip()) for entry in equivalent()}
    counts: dict[str, Counter[str]] = {}
    for name, tests in files.items():
        path = ROOT / name
        source = path.read_text()
        if not passes(path, source, tests):
            sys.exit(f"{name}: its tests fail without any change.")
        count = counts[name] = Counter(noticed=0, equivalent=0, alive=0)
        for mutant in mutants(source):
            if not passes(path, mutant, tests):
                count["noticed"] += 1
                continue
            was, now = change(source, mutant)
            if (name, was, now) in known:
                count["equivalent"] += 1
            else:
                count["alive"] += 1
                print(f"{name}: alive\n  - {was}\n  + {now}", flush=True)
        print(
            f"{name}: {count['noticed']} noticed, {count['equivalent']} equivalent, {count['alive']} alive", flush=True
        )
        keep(name, count)
        forget({"exon"})
    total = sum(counts.values(), Counter())
    changes, unnoticed = total.total(), total["equivalent"] + total["alive"]
    print(
        f"{changes} changes, {unnoticed} unnoticed ({100 * unnoticed / changes:.1f} %), {total['alive']} of them alive"
    )
    return int(total["alive"] > 0 or 100 * unnoticed > CONFIGURATION["most_unnoticed_pct"] * changes)


def equivalent() -> list[dict[str, str]]:
    """The changes that no test can notice: file, was, is and why."""
    return tomllib.loads(EQUIVALENT.read_text()).get("mutant", []) if EQUIVALENT.exists() else []


def keep(name: str, count: Counter[str]) -> None:
    """Store the counts of one file in place of earlier ones, with the commit of the code they hold for."""
    from exon.files import write_text
    from exon.runs import provenance
    from exon.runs.processor import processor

    stored = json.loads(RECORD.read_text())["files"] if RECORD.exists() else {}
    changed = bool(provenance._git("status", "--porcelain", "--", "exon", "tests"))
    stored[name] = {**count, "commit": provenance._git("rev-parse", "HEAD"), "code_changed": changed}
    files = {name: stored[name] for name in CONFIGURATION["tests"] if name in stored}
    total = {key: sum(file[key] for file in files.values()) for key in count}
    changes = sum(total.values())
    metrics = total | {"changes": changes, "unnoticed_pct": 100 * (changes - total["noticed"]) / changes}
    content = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "tool": f"cosmic-ray {importlib.metadata.version('cosmic-ray')}",
        "metrics": metrics,
        "files": files,
    }
    write_text(RECORD, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
