"""The runs that a reader may choose in an explorer: those of some grids that keep their weights, on the first split."""

from pathlib import Path
from typing import Any

from exon.errors import UserError
from exon.runs import record
from exon_book.explorer.readings import readings
from exon_book.lookup import by_beta, finished


def entries(grids: str, dataset: str, root: Path) -> dict[Path, dict[str, Any]]:
    """Run -> its entry in the explorer's list, by beta and seed: file, beta, seed, whether it is its beta's median, readings.

    Raises:
        UserError: there is no such run.
    """
    kept = [run for run in finished(grids, root) if (run / "model.safetensors").exists()]
    chosen = {run: e for run in kept if (e := record.experiment_of(run)).split_seed == 1}
    if not chosen:
        raise UserError(f"no run of the grid {grids!r} with its weights is finished.")
    medians = by_beta(kept).values()
    return {
        run: {
            "file": f"{dataset}-{run.name}",
            "beta": e.beta,
            "seed": e.seed,
            "median": run in medians,
            **readings(run),
        }
        for run, e in sorted(chosen.items(), key=lambda item: (item[1].beta, item[1].seed))
    }
