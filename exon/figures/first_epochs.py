"""The figure of the first epochs over several seeds."""

from collections.abc import Mapping

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from exon.figures.compare import AUTHORS, HERE, two_columns
from exon.figures.plots import GREY


def first_epochs(
    kl: pd.DataFrame, authors: Mapping[float, "pd.Series[float]"], distances: pd.DataFrame, half_way: float
) -> Figure:
    """KL of z given the label after each epoch, a panel for each beta; then the distance of components from their centers.

    Args:
        kl: columns beta, seed, epoch, kl_latent; a line for each seed.
        authors: beta -> theirs by epoch; a dashed line, over the same epochs.
        distances: columns beta, seed, epoch, component, distance; a point for each component of each run, last epoch over first.
        half_way: a distance that is marked on both axes.
    """
    betas = sorted(authors)
    figure, axes = two_columns(len(betas) + 1, height=2.8)
    last = kl["epoch"].max()
    for axis, beta in zip(axes, betas, strict=False):
        own = kl[kl["beta"] == beta]
        sns.lineplot(own, x="epoch", y="kl_latent", units="seed", estimator=None, color=HERE, alpha=0.6, ax=axis)
        theirs = authors[beta].loc[:last]
        axis.plot(theirs.index, theirs, color=AUTHORS, linestyle="--", marker="s", markersize=4, label="authors")
        axis.plot([], [], color=HERE, label="a seed here")
        axis.set(title=rf"$\beta = {beta:g}$, n = {own['seed'].nunique()}", ylabel="KL of z (nats)")
        axis.set_ylim(bottom=0)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    wide = distances.set_index(["beta", "seed", "component", "epoch"])["distance"].unstack().reset_index()
    right = axes[-1]
    wide["beta"] = wide["beta"].map(lambda beta: rf"$\beta = {beta:g}$")
    sns.scatterplot(wide, x=1, y=last, hue="beta", style="beta", palette="viridis", s=18, linewidth=0, ax=right)
    for line in (right.axvline, right.axhline):
        line(half_way, color=GREY, linewidth=0.8, linestyle="--")
    right.set(title="distance from the center (sd)", xlabel="after epoch 1", ylabel=f"after epoch {last}")
    right.legend(title=None, fontsize=9, loc="lower right")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
