"""Which judge a run's images were shown to: metrics of two judges are never put together."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from exon.runs import record

METRICS = frozenset(
    {
        *("judge_error_pct", "blurred_error_pct", "mean_reconstruction_error_pct", "reconstruction_error_pct"),
        *("generation_error_pct", "judge_score", "judge_score_real"),
        *("kid_reconstructed", "kid_reconstructed_se", "kid_generated", "kid_generated_se"),
        *("own_center_verdict_pct", "other_center_verdict_pct", "verdict_changed_pct"),
    }
)
"""What hangs on the judge."""
FIRST = {
    "mnist": "bfc0c35445920d6643f7af5556a359c0a43ffef1aa49f5bfdfffd91512f1e81f",
    "cifar10": "e478e9e59378449a4b95e4b6fc449c658ff141268cf69c037cab86704c33dc62",
}
"""The SHA-256 of the weights of the judges of judged records that name none. That of CIFAR-10 errs on 19.5 % of test images."""


def judge_of(content: dict[str, Any]) -> str | None:
    """The SHA-256 of the weights of the judge of a record; None where nothing in it hangs on one."""
    if not METRICS & content["metrics"].keys():
        return None
    return content["provenance"].get("judge", FIRST[content["experiment"]["dataset"]])


def judges_of(contents: Iterable[dict[str, Any]]) -> set[str]:
    """The judges of records."""
    return {judge for content in contents if (judge := judge_of(content))}


def without(content: dict[str, Any]) -> dict[str, Any]:
    """A record without what hangs on the judge."""
    return content | {"metrics": {name: value for name, value in content["metrics"].items() if name not in METRICS}}


def read(runs: Iterable[Path]) -> list[dict[str, Any]]:
    """`record.read` of every run; where two judges have judged one data set, without what hangs on the judge."""
    contents = [record.read(run) for run in runs]
    of_dataset = defaultdict(list)
    for content in contents:
        of_dataset[content["experiment"]["dataset"]].append(content)
    mixed = {dataset for dataset, alike in of_dataset.items() if len(judges_of(alike)) > 1}
    return [without(content) if content["experiment"]["dataset"] in mixed else content for content in contents]
