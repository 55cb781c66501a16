"""What a replication found: a comparison of new runs with the stored ones, as a file and in sentences."""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from exon import files
from exon.errors import UserError
from exon.evaluation.claims.claim import FAILS, HOLDS
from exon.evaluation.primary import PRIMARY
from exon.runs.verify import HEADLINE

Rows = list[dict[str, Any]]
PLURALS = {HOLDS: "hold", FAILS: "do not hold"}


@dataclass(frozen=True)
class Comparison:
    """What a replication found, as plain rows.

    Args:
        grid: the grid, perhaps with a pattern.
        profile: of the new runs.
        seeds, stored_seeds: of the new and of the stored runs that are finished.
        finished, declared: how many of the new runs there are, and how many there will be.
        differences: settings other than seeds in which all new runs differ from the stored ones, in words.
        values: series ("stored" or "new"), cell, seed, metric, value.
        cells: cell, metric, and for both series mean, sd, n; low and high, the 95 % prediction interval for the mean of
            the new runs, of a percentage cut at 0 and 100; `spread`, the stored runs that its width comes from; `within`.
            None where there is no value.
        effects: stratum (the settings beside the two factors), outcome, term (a key of
            `exon.evaluation.primary.TERMS`); for both series effect, low, high (95 % each, not corrected); `agreement`;
            predicted_low and predicted_high for the new effect, `within`.
        claims: name, sentence, and for both series the verdict and the numbers.
    """

    grid: str
    profile: str
    seeds: list[int]
    stored_seeds: list[int]
    finished: int
    declared: int
    differences: list[str]
    values: Rows
    cells: Rows
    effects: Rows
    claims: Rows

    def write(self, root: Path) -> Path:
        """Keep it as <root>/<grid>.json; returns that path."""
        path = root / f"{stem(self.grid)}.json"
        files.write_text(path, json.dumps(asdict(self), indent=1, allow_nan=False) + "\n")
        return path


def read(path: Path) -> Comparison:
    """A comparison that was written.

    Raises:
        UserError: the file holds none.
    """
    try:
        return Comparison(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise UserError(f"{path} holds no comparison that can be read ({type(error).__name__}).") from None


def stem(names: str) -> str:
    """What a grid is called, without folder, ending and pattern."""
    return Path(names).stem if names.endswith(".yaml") else names.partition("/")[0]


def sentences(comparison: Comparison) -> list[str]:
    """What a comparison comes to: how many runs, outcomes, effects and claims, and which settings differ."""
    c = comparison
    said = [
        f"{c.finished} of {c.declared} runs of {c.grid} with seeds {_listed(c.seeds)}; stored: seeds {_listed(c.stored_seeds)}."
    ]
    if c.differences:
        said.append(
            f"Not the same settings, so this is no replication of the same experiment: {', '.join(c.differences)}."
        )
    judged = [row["within"] for row in c.cells if row["within"] is not None and row["metric"] in HEADLINE]
    if judged:
        said.append(_as_predicted(judged, "headline outcomes"))
    seen = Counter(row["agreement"] for row in c.effects if row["agreement"] and row["outcome"] in PRIMARY)
    if seen:
        which = ", ".join(f"{count} {name}" for name, count in seen.items())
        said.append(f"{seen.total()} effects on primary outcomes. Where their interval excludes zero: {which}.")
    predicted = [row["within"] for row in c.effects if row["within"] is not None and row["outcome"] in PRIMARY]
    if predicted:
        said.append(_as_predicted(predicted, "of these effects"))
    pairs = Counter((row["stored"], row["new"]) for row in c.claims)
    for (stored, new), count in pairs.items():
        here, there = (PLURALS.get(verdict, verdict) if count > 1 else verdict for verdict in (stored, new))
        both = f"{here} in both" if stored == new else f"{here} in the stored runs, {there} in the new ones"
        said.append(f"{count} of {len(c.claims)} claims {both}.")
    return said


def _as_predicted(within: list[bool], what: str) -> str:
    return (
        f"{sum(within)} of {len(within)} {what} lie in the interval predicted for them; "
        f"at 95 % each, {len(within) / 20:.1f} would miss it by chance."
    )


def _listed(seeds: list[int]) -> str:
    return ", ".join(map(str, seeds))
