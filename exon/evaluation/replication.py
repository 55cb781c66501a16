"""Runs of a grid with new seeds beside the stored ones: cells, effects and claims of both.

A cell is a setting of the grid without its seeds. A replication is measured as the field does it: by the interval that the
stored runs predict for its mean (Patil, Peng and Leek 2016), by the intervals of both effects, and by what is claimed.
"""

import json
import math
import statistics
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from exon.errors import UserError
from exon.evaluation.claims import CLAIMS
from exon.evaluation.claims.claim import check
from exon.evaluation.comparison import Comparison, Rows
from exon.evaluation.effects import REPLICATES, effects
from exon.evaluation.intervals import prediction_interval
from exon.evaluation.primary import TERMS
from exon.evaluation.tables import CELLS, FACTORS, outcomes
from exon.experiment import Experiment
from exon.runs import grid
from exon.runs.verify import seeds_of, spread_of

SAME, ONLY_STORED, ONLY_OWN, OPPOSITE, NEITHER = (
    "same sign in both",
    "only in the stored runs",
    "only in the new runs",
    "opposite signs",
    "in neither",
)
"""Where the 95 % interval of an effect lies on one side of zero."""


def compare(names: str, asked: grid.Asked) -> Comparison:
    """The stored runs of a grid beside those that are asked for; `names` as of `exon.runs.grid.select`.

    Raises:
        UserError: no new run is finished, or what `told_apart` raises.
    """
    stored, new = grid.select(names), grid.select(names, asked)
    keys = told_apart(names, stored, new)
    tables = {"stored": _table(stored, keys), "new": _table(new, keys)}
    if tables["new"].empty:
        raise UserError(f"{asked.root} holds no finished run of {names} with these seeds: leave out --compare-only.")
    return Comparison(
        grid=names,
        profile=new[0].experiment.profile,
        seeds=_seeds(tables["new"]),
        stored_seeds=_seeds(tables["stored"]),
        finished=len(tables["new"]),
        declared=len(new),
        differences=_differences(stored[0].experiment, new[0].experiment, keys),
        values=[row for series, table in tables.items() for row in _values(series, table)],
        cells=_cells(stored, keys, tables["stored"], tables["new"]),
        effects=_effects(keys, tables["stored"], tables["new"]),
        claims=_claims(stored, asked),
    )


def told_apart(names: str, stored: list[grid.Run], new: list[grid.Run]) -> list[str]:
    """The settings by which the cells of a grid differ.

    Raises:
        UserError: none of the stored runs is finished, or the new runs do not keep one of these settings.
    """
    if not any(run.done for run in stored):
        raise UserError(
            f"No run of the grid {names} is stored below results/: there is nothing to set new runs beside."
        )
    varied = _varied(stored)
    lost = [name for name in varied if name not in _varied(new)]
    if lost:
        raise UserError(
            f"{lost[0]} tells the cells of the grid {names} apart, and is the same in all of the new runs: "
            "choose settings and a profile that leave it alone."
        )
    return varied


def _varied(runs: list[grid.Run]) -> list[str]:
    names = [name for name in Experiment.model_fields if name not in (*REPLICATES, "profile", "device")]
    return [name for name in names if len({str(getattr(run.experiment, name)) for run in runs}) > 1]


def _table(runs: list[grid.Run], keys: list[str]) -> pd.DataFrame:
    """One row for each finished run: its folder, its cell, its settings and metrics."""
    folders = [run.folder for run in runs if run.done]
    table = outcomes(folders)
    cells = [_cell(run.experiment, keys) for run in runs if run.done]
    return table.assign(folder=list(map(str, folders)), cell=cells)


def _cell(experiment: Experiment, keys: list[str]) -> str:
    """The settings of a cell in words; those of the ablation by the names of its cells."""
    words = []
    if set(FACTORS) <= set(keys):
        words = [CELLS[experiment.use_cross_entropy, experiment.use_kl]]
        keys = [key for key in keys if key not in FACTORS]
    words += [f"{key} = {json.dumps(getattr(experiment, key))}" for key in keys]
    return ", ".join(words).replace('"', "") or "all runs"


def _metrics(*tables: pd.DataFrame) -> list[str]:
    """What was measured in all of some tables, without the time."""
    known = {*Experiment.model_fields, "folder", "cell", "seconds"}
    return [str(name) for name in tables[0] if name not in known and all(name in table for table in tables)]


def _seeds(table: pd.DataFrame) -> list[int]:
    return sorted({int(seed) for seed in table.get("seed", [])})


def _differences(stored: Experiment, new: Experiment, keys: list[str]) -> list[str]:
    names = [name for name in Experiment.model_fields if name not in (*REPLICATES, "device", *keys)]
    pairs = [(name, getattr(stored, name), getattr(new, name)) for name in names]
    return [f"{name} = {now} instead of {was}" for name, was, now in pairs if was != now]


def _values(series: str, table: pd.DataFrame) -> Rows:
    return [
        {"series": series, "cell": row["cell"], "seed": row["seed"], "metric": metric, "value": row[metric]}
        for row in table.to_dict("records")
        for metric in _metrics(table)
        if not math.isnan(row[metric])
    ]


def _cells(runs: list[grid.Run], keys: list[str], stored: pd.DataFrame, new: pd.DataFrame) -> Rows:
    rows: Rows = []
    for cell in dict.fromkeys(_cell(run.experiment, keys) for run in runs):
        old, own = (table[table["cell"] == cell] for table in (stored, new))
        neighbours = seeds_of(Path(old["folder"].iloc[0]))[1] if len(old) == 1 else {}
        for metric in _metrics(stored, new):
            values, found = old[metric].dropna().tolist(), own[metric].dropna().tolist()
            low = high = within = None
            spread, source = spread_of(metric, values, neighbours) if values and found else (None, "")
            if spread and spread.sd > 0:
                low, high = prediction_interval(values, spread, further=len(found))
                if metric.endswith("_pct"):
                    low, high = max(low, 0.0), min(high, 100.0)
                within = low <= statistics.fmean(found) <= high
            summary = {"cell": cell, "metric": metric, **_summary("stored", values), **_summary("new", found)}
            rows.append(summary | {"low": low, "high": high, "spread": "" if low is None else source, "within": within})
    return rows


def _summary(series: str, values: list[float]) -> dict[str, Any]:
    return {
        f"{series}_mean": statistics.fmean(values) if values else None,
        f"{series}_sd": statistics.stdev(values) if len(values) > 1 else None,
        f"{series}_n": len(values),
    }


def _effects(keys: list[str], stored: pd.DataFrame, new: pd.DataFrame) -> Rows:
    """The effects of the ablation's two factors at each level of the other settings; none where a grid does not vary both.

    The interval predicted for a new effect rests on the spread of the stored runs, and on how many of either there are.
    """
    if not set(FACTORS) <= set(keys):
        return []
    others = [key for key in keys if key not in FACTORS]
    rows: Rows = []
    strata = stored.groupby(others) if others else [((), stored)]
    for levels, old in strata:
        own = new
        for key, level in zip(others, levels, strict=True):
            own = own[own[key] == level]
        stratum = ", ".join(
            f"{key} = {json.dumps(level)}" for key, level in zip(others, map(_plain, levels), strict=True)
        )
        sizes = own.groupby(list(FACTORS))
        for metric in _metrics(stored, new):
            counts = sizes[metric].count()
            further = counts[counts > 0].reindex(list(CELLS))
            fits = [_fit(old, metric), _fit(own, metric), _fit(old, metric, further=further)]
            if fits[0].empty and fits[1].empty:
                continue
            for term in TERMS:
                row = {"stratum": stratum, "outcome": metric, "term": term}
                rows.append(row | _beside(*(_row(fit, term) for fit in fits)))
    return rows


def _plain(level: Any) -> Any:
    return level.item() if hasattr(level, "item") else level


def _fit(table: pd.DataFrame, metric: str, **options: Any) -> pd.DataFrame:
    try:
        return effects(table, *FACTORS, metric, **options)
    except UserError:  # an empty cell
        return pd.DataFrame()


def _row(fit: pd.DataFrame, term: str) -> list[float | None]:
    """Effect, low and high, None where there is none."""
    if fit.empty:
        return [None, None, None]
    return [None if math.isnan(value) else value for value in map(float, fit.loc[term, ["effect", "low", "high"]])]


def _beside(
    stored: Sequence[float | None], new: Sequence[float | None], predicted: Sequence[float | None]
) -> dict[str, Any]:
    """Two effects, where their intervals lie, and whether the new one is where the stored runs predict it."""
    _, low, high = predicted
    within = low <= new[0] <= high if new[0] is not None and low is not None and high is not None else None
    signs = _sign(stored[1], stored[2]), _sign(new[1], new[2])
    names = ("effect", "low", "high")
    return {
        **{f"stored_{name}": value for name, value in zip(names, stored, strict=True)},
        **{f"new_{name}": value for name, value in zip(names, new, strict=True)},
        "agreement": agree(*signs),
        "predicted_low": low,
        "predicted_high": high,
        "within": within,
    }


def _sign(low: float | None, high: float | None) -> int | None:
    """The side of zero that an interval lies on; 0 if it holds zero, None if there is no interval."""
    return None if low is None or high is None else (low > 0) - (high < 0)


def agree(stored: int | None, new: int | None) -> str | None:
    """Where an effect is seen, by the signs of the two intervals (0: the interval holds zero); None without one of them."""
    if stored is None or new is None:
        return None
    if stored == new:
        return SAME if stored else NEITHER
    return ONLY_STORED if not new else ONLY_OWN if not stored else OPPOSITE


def _claims(stored: list[grid.Run], asked: grid.Asked) -> Rows:
    """Every claim whose runs are all among these of the stored ones, on them and on the new runs."""

    @cache
    def folders(names: str, new: bool) -> list[Path]:
        return [run.folder for run in (grid.select(names, asked) if new else grid.select(names))]

    rows: Rows = []
    chosen = {run.folder for run in stored}
    for claim in CLAIMS.values():
        own = folders(claim.runs, new=False)
        if own and chosen.issuperset(own):
            row: dict[str, Any] = {"name": claim.name, "sentence": claim.sentence}
            for series in ("stored", "new"):
                finding = check(claim, folders(claim.runs, new=series == "new"))
                row |= {series: finding.verdict, f"{series}_numbers": finding.numbers_as_text()}
            rows.append(row)
    return rows
