"""The first epochs over several seeds, in numbers."""

from pathlib import Path

from docutils import nodes

from exon.evaluation.first_epochs import EPOCHS, summary
from exon_book.reading import GridDirective
from exon_book.tables import held_against, number, table, with_spread

HEADS = (
    "β",
    "here",
    f"authors, epoch {EPOCHS}",
    "inside",
    "one more run, 95 %",
    "n",
    "away, epoch 1",
    f"away, epoch {EPOCHS}",
    "same side as after epoch 1 (%)",
    "n",
)


class FirstEpochs(GridDirective):
    """{first-epochs} GRIDS: KL of z given the label beside the authors', and how many components are away from their centers."""

    def made_of(self, runs: list[Path]) -> list[nodes.Node]:
        found = summary(runs)
        rows = [
            [
                f"{beta:g}",
                with_spread(row["mean"], row["sd"], ".2f"),
                number(row["authors"], ".2f"),
                *held_against(row["authors"], None if row["low"] != row["low"] else (row["low"], row["high"]), ".2f"),
                f"{row['n']:.0f}",
                number(row["left_first"], ".1f"),
                number(row["left"], ".1f"),
                number(100 * row["stayed"], ".0f"),
                f"{row['n_left']:.0f}",
            ]
            for beta, row in zip(found.index.tolist(), found.to_dict("records"), strict=True)
        ]
        return [table(HEADS, rows), self.origin(runs)]
