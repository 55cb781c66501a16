"""A claim about several runs: the numbers that it is decided on, and the check that they must pass."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from exon.errors import UserError
from exon.evaluation.claims.evidence import Evidence

VERDICTS = HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "cannot be checked"


@dataclass(frozen=True)
class Claim:
    """A sentence about the runs of some grids.

    Args:
        runs: grids with patterns of their runs' names, as `exon.runs.grid.select` takes them; "" where published numbers decide.
        evidence: the runs' folders -> the numbers that decide.
        holds: whether these numbers bear the sentence out.
        further: grids like `runs` whose runs count as soon as they are finished, and are not waited for.
    """

    name: str
    sentence: str
    runs: str
    evidence: Evidence
    holds: Callable[[pd.Series], Any]
    further: str = ""


@dataclass(frozen=True)
class Finding:
    """The verdict on a claim, "holds", "does not hold" or "cannot be checked", with its numbers or what they lack."""

    claim: Claim
    verdict: str
    numbers: pd.Series
    reason: str = ""

    def numbers_as_text(self) -> str:
        """The numbers on one line, each with its name; or the reason why there are none."""
        if self.verdict == UNKNOWN:
            return self.reason
        by = f"{self.numbers.index.name}: " if self.numbers.index.name else ""
        if self.numbers.index.nlevels == 2 and set(self.numbers.index.get_level_values(1)) == {"low", "high"}:
            ends = self.numbers.unstack()
            return by + "; ".join(
                f"{_label(key)} [{low:.4g}, {high:.4g}]"
                for key, low, high in zip(ends.index, ends["low"], ends["high"], strict=True)
            )
        return by + ", ".join(f"{_label(key)} → {value:.4g}" for key, value in self.numbers.items())

    def as_dict(self) -> dict[str, Any]:
        """What JSON holds of it."""
        return {
            "name": self.claim.name,
            "sentence": self.claim.sentence,
            "runs": self.claim.runs,
            "verdict": self.verdict,
            "numbers": {_label(key): float(value) for key, value in self.numbers.items()},
            "reason": self.reason,
        }


def check(claim: Claim, runs: Iterable[Path], further: Iterable[Path] = ()) -> Finding:
    """Decide a claim on run folders; it cannot be checked unless each of `runs` holds a record."""
    folders = list(runs)
    missing = [folder for folder in folders if not (folder / "run.json").is_file()]
    nothing = pd.Series(dtype=float)
    if missing or (claim.runs and not folders):
        first = f": {missing[0].name}, ..." if missing else ""
        return Finding(claim, UNKNOWN, nothing, f"{len(missing)} of {len(folders)} runs are missing{first}")
    folders += [folder for folder in further if (folder / "run.json").is_file()]
    try:
        numbers = claim.evidence(folders)
        if numbers.empty or numbers.isna().any():
            return Finding(claim, UNKNOWN, nothing, "a number that decides is missing")
        return Finding(claim, HOLDS if claim.holds(numbers) else FAILS, numbers)
    except KeyError as error:  # a cell or a level without a finished run, or a metric that was not measured
        return Finding(claim, UNKNOWN, nothing, f"no run of {error}")
    except UserError as error:
        return Finding(claim, UNKNOWN, nothing, str(error))


def ordered(pair: pd.Series) -> bool:
    """The first number is below the second."""
    return pair.iloc[0] < pair.iloc[1]


def one_sided(sign: int) -> Callable[[pd.Series], bool]:
    """All of some intervals, given by their ends, lie on one side of zero: sign is 1 or -1."""
    return lambda ends: (sign * ends).min() > 0


def holds_zero(ends: pd.Series) -> bool:
    """Zero lies in an interval, given by its ends."""
    return ends.min() < 0 < ends.max()


def _label(key: Any) -> str:
    """The key of a number as words: a level, or several."""
    return " ".join(map(_label, key)) if isinstance(key, tuple) else f"{key:g}" if isinstance(key, float) else str(key)
