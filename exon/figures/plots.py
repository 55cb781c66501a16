"""One function per figure of the paper; each takes tensors and returns a matplotlib Figure."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from exon.prior import GaussianMixturePrior

# Ten colours that remain distinct with colour-blind vision (Petroff, arXiv:2107.02270).
COLORS = ("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd")
GREY = "#808080"
STYLE = {
    **{f"{part}.facecolor": "none" for part in ("figure", "axes", "savefig", "legend")},
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), GREY),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "font.size": 12,
    "savefig.dpi": 150,
    "svg.hashsalt": "exon",
    "image.cmap": "gray",
}


def use_style() -> None:
    """Transparent figures with grey text, legible on light and dark pages; in notebooks, SVG without a date."""
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    plt.rcParams.update(cast(Any, STYLE))
    set_matplotlib_formats("svg", metadata={"Date": None}, bbox_inches="tight")


def learning_curve(history: pd.DataFrame, authors: pd.DataFrame | None) -> Figure:
    """Test error, reconstruction and the two KL terms against the epoch, the authors' curve dashed beside ours.

    Args:
        history: one row per epoch, with columns epoch, test_error_pct, test_recon, test_kl_label, test_kl_latent.
        authors: the same columns, or None.
    """
    panels = {
        "test_error_pct": "test error (%)",
        "test_recon": "reconstruction",
        "test_kl_label": "KL of the label (nats)",
        "test_kl_latent": "KL of z given the label (nats)",
    }
    figure, axes = plt.subplots(2, 2, figsize=(8, 5.5), layout="constrained", sharex=True)
    for axis, (column, title) in zip(axes.flat, panels.items(), strict=True):
        axis.plot(history["epoch"], history[column], color=COLORS[0], marker="o", markersize=3, label="this run")
        if authors is not None:
            shown = same_epochs(authors, history)
            axis.plot(
                shown["epoch"],
                shown[column],
                color=COLORS[6],
                linestyle="--",
                marker="s",
                markersize=3,
                label="authors",
            )
        axis.set(title=title, xlabel="epoch" if axis in axes[1] else "")
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set_ylim(bottom=0)
    axes[0, 0].legend()
    return figure


def same_epochs(authors: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """The authors' curve up to the last epoch of ours."""
    return authors[authors["epoch"] <= history["epoch"].max()]


def latent_scatter(
    z: Tensor, labels: Tensor, prior: GaussianMixturePrior, names: Sequence[str] | None = None
) -> Figure:
    """Points z (N, 2) coloured by label, the number of the label at its conceptual center, circles at two deviations."""
    width, height = (z.max(0).values - z.min(0).values).tolist()
    shape = (6, 6) if height > 0.6 * width else (9, 9 * max(0.3, height / width) + 0.5)
    figure, axis = plt.subplots(figsize=shape, layout="constrained")
    scatter(axis, z, labels)
    mark_centers(axis, prior, names)
    axis.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    return figure


def decoded_grid(images: Tensor, limit: float) -> Figure:
    """Decoded points of a square grid (M, 1, H, W), rows from top to bottom, laid out as they lie in the latent space."""
    figure, axis = plt.subplots(figsize=(7, 7), layout="constrained")
    sheet(axis, images, limit)
    axis.set(xlabel="$z_1$", ylabel="$z_2$")
    return figure


def class_map(predicted: Tensor, limit: float, prior: GaussianMixturePrior) -> Figure:
    """The label that the classifier gives to each decoded point of a square grid (M,), as an image of colours."""
    side = round(len(predicted) ** 0.5)
    figure, axis = plt.subplots(figsize=(6, 6), layout="constrained")
    palette = ListedColormap(list(COLORS[: prior.num_classes]))
    axis.imshow(
        predicted.reshape(side, side).cpu(),
        cmap=palette,
        vmin=-0.5,
        vmax=prior.num_classes - 0.5,
        extent=(-limit, limit, -limit, limit),
        interpolation="nearest",
        alpha=0.8,
    )
    mark_centers(axis, prior)
    axis.set(xlabel="$z_1$", ylabel="$z_2$", xlim=(-limit, limit), ylim=(-limit, limit))
    return figure


def prior_path(
    samples: Tensor,
    labels: Tensor,
    path: Tensor,
    prior: GaussianMixturePrior,
    names: Sequence[str] | None = None,
) -> Figure:
    """Draws from the prior (N, 2) coloured by label, and a path (M, 2) through the latent space."""
    figure = latent_scatter(samples, labels, prior, names)
    axis = figure.axes[0]
    axis.plot(*path.cpu().numpy().T, color=GREY, marker="o", markersize=4, zorder=4)
    return figure


def image_row(images: Tensor, captions: Sequence[str]) -> Figure:
    """Images (M, C, H, W) in [-1, 1] side by side, a caption under each."""
    figure, axes = plt.subplots(1, len(images), figsize=(len(images) * 0.7, 1.1), layout="constrained")
    for axis, image, caption in zip(np.atleast_1d(axes), images.cpu(), captions, strict=True):
        axis.imshow(((image + 1) / 2).permute(1, 2, 0).clamp(0, 1), vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[], frame_on=False, xlabel=caption)
    return figure


def scatter(axis: Axes, z: Tensor, labels: Tensor) -> None:
    """Draw points z (N, 2) coloured by label."""
    x, y = z.float().cpu().numpy().T
    colors = np.array(COLORS)[labels.cpu().numpy()]
    # Hard-edged points: few colours, so the picture inside the SVG stays a third of the size.
    axis.scatter(x, y, c=colors, s=4, linewidths=0, antialiased=False, rasterized=True)


def sheet(axis: Axes, images: Tensor, limit: float) -> None:
    """Draw the decoded points (M, 1, H, W) of a square grid over [-limit, limit]^2 as one image, in 32 shades of grey."""
    side = round(len(images) ** 0.5)
    height, width = images.shape[2:]
    picture = images[:, 0].reshape(side, side, height, width).permute(0, 2, 1, 3).reshape(side * height, side * width)
    picture = ((picture.cpu().clamp(-1, 1) + 1) * 15.5).round() / 31
    edge = limit + limit / (side - 1)
    axis.imshow(picture, vmin=0, vmax=1, extent=(-edge, edge, -edge, edge), interpolation="none")


def image_rows(rows: Mapping[str, Tensor]) -> Figure:
    """Images (M, C, H, W) in [-1, 1], one row for each name, all rows of one length."""
    length = len(next(iter(rows.values())))
    figure, axes = plt.subplots(
        len(rows), 1, figsize=(0.7 * length + 1, 0.72 * len(rows)), layout="constrained", squeeze=False
    )
    for axis, (name, images) in zip(axes[:, 0], rows.items(), strict=True):
        strip = ((images.cpu().clamp(-1, 1) + 1) / 2).permute(2, 0, 3, 1).flatten(1, 2)  # (H, M * W, C)
        axis.imshow(strip, vmin=0, vmax=1, interpolation="none")
        axis.set(xticks=[], yticks=[], frame_on=False)
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


def v_nat_bars(v_nat: Tensor) -> Figure:
    """V-nat of one class (d,), dimension by dimension and sorted, with the threshold 1 of the activated subspace."""
    figure, axes = plt.subplots(2, 1, figsize=(8, 5), layout="constrained", sharey=True)
    for axis, values, title in zip(
        axes, (v_nat, v_nat.sort().values), ("latent dimension", "dimensions in order of V-nat"), strict=True
    ):
        bars(axis, values)
        axis.axhline(1.0, color=GREY, linewidth=0.8, linestyle="--")
        axis.set(xlabel=title, ylabel="V-nat (nats)", xlim=(-1, len(values)))
    return figure


def v_nat_classes(v_nat: Tensor, names: Sequence[str]) -> Figure:
    """V-nat of every class (K, d), one strip of bars under the other."""
    figure, axes = plt.subplots(
        len(names), 1, figsize=(8, 0.9 * len(names)), layout="constrained", sharex=True, sharey=True, squeeze=False
    )
    for axis, values, name in zip(axes[:, 0], v_nat, names, strict=True):
        bars(axis, values)
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
        axis.set(xlim=(-1, v_nat.shape[1]))
    axes[-1, 0].set_xlabel("latent dimension")
    return figure


def bars(axis: Axes, values: Tensor) -> None:
    """Values (d,) as bars of width 1 over 0, 1, ..., d - 1; as pixels: hundreds of bars are a large SVG."""
    axis.stairs(values.cpu().numpy(), np.arange(len(values) + 1) - 0.5, fill=True, color=COLORS[0], rasterized=True)


def correlation(matrix: Tensor, names: Sequence[str]) -> Figure:
    """A correlation matrix (K, K), the lower triangle with its numbers."""
    figure, axis = plt.subplots(figsize=(7, 6), layout="constrained")
    values = matrix.cpu().numpy()
    shown = np.ma.masked_array(values, np.triu(np.ones_like(values, dtype=bool)))
    axis.imshow(shown, cmap="viridis", vmin=0, vmax=1)
    for i in range(len(names)):
        for j in range(i):
            shade = "black" if values[i, j] > 0.6 else "white"
            axis.text(j, i, f"{values[i, j]:.3f}", ha="center", va="center", color=shade, fontsize=9)
    axis.set_xticks(range(len(names) - 1), names[:-1], rotation=45, ha="right")
    axis.set_yticks(range(1, len(names)), names[1:])
    axis.spines[:].set_visible(False)
    return figure


def mark_centers(axis: Axes, prior: GaussianMixturePrior, names: Sequence[str] | None = None) -> None:
    """Write each label at its conceptual center and draw the prior's two-deviation circle around it."""
    for k, (mean, variance) in enumerate(zip(prior.means.tolist(), prior.variances.tolist(), strict=True)):
        axis.add_patch(Circle((mean[0], mean[1]), 2 * variance[0] ** 0.5, fill=False, color=GREY, linewidth=0.8))
        text = names[k] if names is not None else str(k)
        badge = {"boxstyle": "circle,pad=0.25", "facecolor": "white", "edgecolor": COLORS[k], "linewidth": 2}
        axis.text(mean[0], mean[1], text, ha="center", va="center", color="black", weight="bold", bbox=badge, zorder=5)
