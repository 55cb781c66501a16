"""The comparison's tables: error rates that others published, and the time an epoch takes."""

from pathlib import Path

import pandas as pd
from docutils import nodes
from docutils.statemachine import StringList

from exon.evaluation import reference
from exon.runs import provenance, record
from exon_book.lookup import anchor, linked
from exon_book.reading import GridDirective, RecordDirective
from exon_book.tables import counted, number, table, with_spread

OURS = (
    "| **this companion**, {over}`max beta/beta-1_seed-*::epochs:d` epochs, {over}`runs beta/beta-1_seed-*::seed` "
    "| deep generative | {over}`spread beta/beta-1_seed-*::test_error_pct:.2f` | – | [ledger](ledger.md) |",
    "| its classifier alone: cross-entropy and SCI, β = 5, {over}`max controls/classifier-alone_*::epochs:d` epochs, "
    "{over}`runs controls/classifier-alone_*::seed` "
    "| consistency | {over}`spread controls/classifier-alone_*::test_error_pct:.2f` | – | [MNIST](mnist.md) |",
    "| cross-entropy on the labelled images alone, β = 5, {over}`max controls/supervised-only_*::epochs:d` epochs, "
    "{over}`runs controls/supervised-only_*::seed` "
    "| supervised | {over}`spread controls/supervised-only_*::test_error_pct:.2f` | – | [MNIST](mnist.md) |",
    *(
        f"| **this companion**, {{over}}`max {runs}::epochs:d` epochs, width {{over}}`max {runs}::width:g`, "
        f"{{over}}`runs {runs}::seed` "
        f"| deep generative | – | {{over}}`spread {runs}::test_error_pct:.2f` | [ledger](ledger.md) |"
        for runs in ("cifar10_gpu/beta-0.05_*", "cifar10_day", "cifar10/beta-0.05_*")
    ),
)


class Methods(RecordDirective):
    """{methods}: test errors from results/reference/methods.csv, ours first, each with its source."""

    def made(self) -> list[nodes.Node]:
        lines = [
            "| method | kind | MNIST, 100 labels | CIFAR-10, 4,000 labels | source |",
            "| --- | --- | --- | --- | --- |",
            *OURS,
        ]
        for _, row in reference.table("methods").iterrows():
            cited = f"{{cite:t}}`{row['key']}`" + (f" {row['note']}" if isinstance(row["note"], str) else "")
            mnist = with_spread(row["mnist_100_error_pct"], row["mnist_100_sd"], ".2f")
            cifar10 = with_spread(row["cifar10_4000_error_pct"], row["cifar10_4000_sd"], ".2f")
            lines.append(f"| {row['method']} | {row['kind']} | {mnist} | {cifar10} | {cited} |")
        parent = nodes.container(classes=["record"])
        self.state.nested_parse(StringList(lines, source=self.env.docname), self.content_offset, parent)
        return [parent]


class Speed(GridDirective):
    """{speed} GRID: seconds of an epoch in the runs of a grid, and in the authors' logs."""

    def made_of(self, runs: list[Path]) -> list[nodes.Node]:
        contents = [record.read(run) for run in runs]
        seconds = pd.Series([c["metrics"]["seconds"] / c["experiment"]["epochs"] for c in contents])
        trained = [record.training_provenance(content) for content in contents]
        where = {f"{provenance.hardware(p)}, {p['threads']} thread{'s' * (p['threads'] > 1)} a run" for p in trained}
        here = [
            "this companion",
            number(seconds.median(), ".0f")
            + (f" ({seconds.min():.0f} to {seconds.max():.0f})" if len(runs) > 1 else ""),
            "; ".join(sorted(where)),
        ]
        theirs = reference.table("speed").set_index("dataset").loc[contents[0]["experiment"]["dataset"]]
        rows = [here, ["the authors", number(theirs["seconds_per_epoch"], ".0f"), theirs["hardware"]]]
        of = "Median and range over " if len(runs) > 1 else "From "
        shown = nodes.inline("", f"{counted(len(runs))} of the grid {self.grids}")
        source = nodes.paragraph("", "", nodes.Text(of), linked(self.env, shown, anchor(runs[0])), classes=["record"])
        source += nodes.Text(f"; the authors' from {theirs['source']}.")
        return [table(("code", "seconds an epoch", "hardware"), rows, kind="record"), source]
