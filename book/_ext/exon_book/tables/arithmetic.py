"""The same bits on other processors: of a whole run, and of the single operations of a model."""

from typing import ClassVar

import pandas as pd
from docutils import nodes

from exon_book.lookup import locate
from exon_book.reading import RecordDirective
from exon_book.tables import table

RUN_HEADS = ("run", "processor", "family, model", "instructions", "arithmetic", "threads", "weights", "test error (%)")
KEYS = ["arithmetic", "threads"]


class Bits(RecordDirective):
    """{bits} FILE.csv: the same runs on several processors, each row's weights by the start of their SHA-256."""

    required_arguments = 1

    def made(self) -> list[nodes.Node]:
        stored = pd.read_csv(locate(self.env, self.arguments[0], "")).sort_values(["run", *KEYS], kind="stable")
        rows = [
            (
                row["run"],
                row["processor"],
                f"{row['family']}, {row['model']}",
                row["capability"],
                row["arithmetic"],
                str(row["threads"]),
                row["sha256"][:8],
                f"{row['test_error_pct']:.2f}",
            )
            for row in stored.to_dict("records")
        ]
        return [table(RUN_HEADS, rows)]


class Operations(RecordDirective):
    """{operations} FILE.csv: of the single operations, how many give the first processor's bits on each other one."""

    required_arguments = 1
    heads: ClassVar = ("arithmetic", "threads", "processor", "beside", "same bits", "not the same")

    def made(self) -> list[nodes.Node]:
        stored = pd.read_csv(locate(self.env, self.arguments[0], ""))
        rows = []
        for (arithmetic, threads), part in stored.groupby(KEYS):
            digests = part.pivot(index="operation", columns="processor", values="sha256")
            first, *others = part["processor"].unique()
            for other in others:
                differing = list(digests.index[digests[first] != digests[other]])
                same = f"{len(digests) - len(differing)} of {len(digests)}"
                rows.append((str(arithmetic), str(threads), other, first, same, _named(differing)))
        return [table(self.heads, rows, "record")]


def _named(operations: list[str]) -> str:
    """Operations in words, the parts of a layer together."""
    return ", ".join(dict.fromkeys(name.partition(",")[0] for name in operations)) or "–"
