"""Pictures of machines and runs, as matplotlib figures; callers save them.

Where a row is a picture its shape is (height, width); other rows are drawn as strips of cells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

INK = "#1e2230"
PAPER = "#fcfbf7"
DATA, MODEL = "#c2571a", "#2f5d9e"


def tiles(
    images: Any, image_shape: tuple[int, int] | None = None, title: str = "", columns: int | None = None, signed: bool = False
) -> Figure:
    """A sheet of pictures, one for each row of `images [n, V]`.

    Args:
        image_shape: (height, width); by default a square if V is one, else a single line. signed: colors around zero
            (orange above, purple below) instead of gray levels.
    """
    images = np.asarray(images, dtype=float)
    shape = image_shape or square(images.shape[1])
    columns = columns or max(1, math.ceil(math.sqrt(len(images) * shape[0] / shape[1])))
    figure = _figure(title, columns * shape[1], math.ceil(len(images) / columns) * shape[0])
    axes = figure.add_subplot()
    _draw_sheet(axes, images, shape, columns, signed)
    return figure


def side_by_side(
    groups: Mapping[str, Any], image_shape: tuple[int, int] | None = None, title: str = "", columns: int = 10
) -> Figure:
    """Sheets of pictures `[n, V]` beside each other, each under its name."""
    arrays = {name: np.asarray(images, dtype=float) for name, images in groups.items()}
    first = next(iter(arrays.values()))
    shape = image_shape or square(first.shape[1])
    columns = _columns(shape, columns)
    lines = max(math.ceil(len(images) / columns) for images in arrays.values())
    figure = _figure(title, len(arrays) * columns * shape[1], lines * shape[0])
    for place, (name, images) in enumerate(arrays.items()):
        axes = figure.add_subplot(1, len(arrays), place + 1)
        axes.set_title(name, fontsize=10, color=INK)
        _draw_sheet(axes, images, shape, columns, signed=False)
    return figure


def filters(weights: Any, image_shape: tuple[int, int] | None = None) -> Figure:
    """The weights of each hidden unit as a picture, `weights [V, H]`, the strongest unit first."""
    weights = np.asarray(weights, dtype=float)
    order = np.argsort(-np.linalg.norm(weights, axis=0))[:100]
    title = "Weights of each hidden unit" if len(order) == weights.shape[1] else "Weights of the 100 strongest hidden units"
    return tiles(weights.T[order], image_shape, f"{title} (orange: positive, purple: negative)", signed=True)


def reconstructions(v: Any, reconstructed: Any, image_shape: tuple[int, int] | None = None, columns: int = 16) -> Figure:
    """Rows of `v [n, V]` with what the machine makes of each below it."""
    pairs = [np.asarray(v, dtype=float), np.asarray(reconstructed, dtype=float)]
    columns = _columns(image_shape or square(pairs[0].shape[1]), columns)
    lines = [part[i : i + columns] for i in range(0, len(pairs[0]), columns) for part in pairs]
    padded = [np.concatenate([line, np.full((columns - len(line), line.shape[1]), np.nan)]) for line in lines]
    columns_used = columns if len(pairs[0]) >= columns else len(pairs[0])
    sheet = np.concatenate([line[:columns_used] for line in padded])
    return tiles(sheet, image_shape, "Data (odd lines) and reconstructions (even lines)", columns_used)


def learning_curves(
    metrics: Sequence[Mapping[str, float]], baseline: float | None = None, bound: float | None = None
) -> Figure:
    """Log likelihood and free-energy gap against updates.

    Args:
        metrics: of the states of a run. baseline: of independent units. bound: the best possible, -entropy of the source.
    """
    figure = Figure(figsize=(7, 6), facecolor=PAPER, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    for key, name, color in (
        ("train_log_likelihood", "training rows", DATA),
        ("valid_log_likelihood", "held-out rows", MODEL),
    ):
        points = [(m["step"], m[key]) for m in metrics if key in m]
        if points:
            upper.plot(*zip(*points, strict=True), color=color, label=name, marker=".", markersize=4)
    for value, name, style in ((baseline, "independent units (test rows)", ":"), (bound, "best possible", "--")):
        if value is not None:
            upper.axhline(value, color=INK, linestyle=style, linewidth=1, label=name)
    if upper.lines:
        upper.legend(frameon=False)
    else:
        upper.text(0.5, 0.5, "not followed: this machine is too large to be exact", ha="center", transform=upper.transAxes)
    upper.set_ylabel("log likelihood (nats/example)")
    gaps = [(m["step"], m["free_energy_gap"]) for m in metrics if "free_energy_gap" in m]
    if gaps:
        lower.plot(*zip(*gaps, strict=True), color=INK, marker=".", markersize=4)
    lower.axhline(0, color=INK, linewidth=0.5)
    lower.set(xlabel="updates", ylabel="free-energy gap (nats)\nheld-out minus training")
    for axes in (upper, lower):
        axes.set_facecolor(PAPER)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def square(size: int) -> tuple[int, int]:
    """The shape in which `size` columns are drawn when nothing is known of them."""
    side = math.isqrt(size)
    return (side, side) if side * side == size and side > 2 else (1, size)


def _columns(shape: tuple[int, int], wanted: int) -> int:
    """Pictures in a line: as many as wanted, but few of rows that are no pictures, whose cells stand in one line themselves."""
    return wanted if shape[0] > 1 else max(1, min(wanted, 32 // shape[1]))


def _figure(title: str, width: int, height: int) -> Figure:
    figure_width = 9.0
    figure_height = min(14.0, max(1.5, figure_width * height / max(width, 1) + 0.5))
    figure = Figure(figsize=(figure_width, figure_height), facecolor=PAPER, layout="constrained")
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    return figure


def _draw_sheet(axes: Any, images: np.ndarray, shape: tuple[int, int], columns: int, signed: bool) -> None:
    height, width = shape
    lines = math.ceil(len(images) / columns)
    sheet = np.full((lines * (height + 1) + 1, columns * (width + 1) + 1), np.nan)
    for number, image in enumerate(images):
        top, left = number // columns * (height + 1) + 1, number % columns * (width + 1) + 1
        sheet[top : top + height, left : left + width] = image.reshape(shape)
    if signed:
        limit = np.nanmax(np.abs(sheet)) or 1.0
        axes.imshow(sheet, cmap="PuOr_r", vmin=-limit, vmax=limit, interpolation="nearest")
    else:
        axes.imshow(
            sheet,
            cmap="gray_r",
            vmin=np.nanmin(sheet, initial=0.0),
            vmax=np.nanmax(sheet, initial=1.0),
            interpolation="nearest",
        )
    axes.set_axis_off()
