"""Pictures of models and runs, as matplotlib figures; notebooks show them, callers save them.

Where a row is a picture its shape is (height, width); other rows are drawn as strips of cells.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harmonium import _checks, model
from harmonium._types import ArrayLike
from harmonium.diagnostics import Comparison, Diagnosis, HiddenUnits, Mixing, Relaxation, Spectrum, Swaps
from harmonium.diagnostics.comparison import WHAT
from harmonium.diagnostics.relaxation import STARTS
from harmonium.diagnostics.swaps import SMALL_RATE
from harmonium.errors import InputError
from harmonium.model import RBM

__all__ = [
    "comparison",
    "diagnosis",
    "energies",
    "filters",
    "hidden_activations",
    "learning_curves",
    "reconstructions",
    "side_by_side",
    "spectrum",
    "swap_rates",
    "tiles",
    "weight_histograms",
]

INK = "#1e2230"
PAPER = "#fcfbf7"
DATA, MODEL = "#c2571a", "#2f5d9e"
MAX_ROWS = 500
"""Rows in the matrix of hidden activities."""
MAX_NAMES = 40
"""Columns whose names are written below an axis."""
MAX_TIMES = 60
"""Times at which bands of chains are drawn."""


def tiles(
    images: ArrayLike,
    image_shape: tuple[int, int] | None = None,
    title: str = "",
    columns: int | None = None,
    signed: bool = False,
) -> Figure:
    """A sheet of pictures, one for each row of `images [n, V]`; NaN is left blank.

    Args:
        images: `[n, V]`.
        image_shape: (height, width); by default a square if V is one, else a single line.
        title: of the sheet.
        columns: pictures side by side.
        signed: colors around zero (orange above, purple below) instead of gray levels.

    Raises:
        InputError: no rows of numbers, or a shape or number of columns that does not suit them.
    """
    rows, shape = _pictures(images, "images", image_shape)
    if columns is None:
        columns = max(1, math.ceil(math.sqrt(len(rows) * shape[0] / shape[1])))
    columns = _checks.integer(columns, "columns")
    _checks.instance(title, str, "title")
    _checks.boolean(signed, "signed")
    return _sheets({"": rows}, shape, columns, title, signed)


def side_by_side(
    groups: Mapping[str, ArrayLike], image_shape: tuple[int, int] | None = None, title: str = "", columns: int = 10
) -> Figure:
    """Sheets of pictures `[n, V]` beside each other, each under its name.

    Args:
        groups: rows `[n, V]` by name.
        image_shape: as in `tiles`.
        title, columns: of the sheet.

    Raises:
        InputError: as `tiles`, or there is no group.
    """
    if not _checks.instance(groups, Mapping, "groups", "a mapping of names to rows"):
        raise InputError("groups must have at least one name, but is empty")
    sheets = {name: _pictures(images, name, image_shape) for name, images in groups.items()}
    shape = next(iter(sheets.values()))[1]
    columns = _pictures_a_line(shape, columns)
    return _sheets({name: rows for name, (rows, _) in sheets.items()}, shape, columns, title)


def filters(weights: ArrayLike, image_shape: tuple[int, int] | None = None) -> Figure:
    """The weights of each hidden unit as a picture, `weights [V, H]`, the strongest unit first.

    Args:
        weights: `[V, H]`.
        image_shape: as in `tiles`.

    Raises:
        InputError: as `tiles`.
    """
    rows, _ = _pictures(np.transpose(_checks.finite_array(weights, "weights", (None, None))), "weights", image_shape)
    with np.errstate(over="ignore"):
        order = np.argsort(-np.linalg.norm(rows, axis=1))[:100]
    title = "Weights of each hidden unit" if len(order) == len(rows) else "Weights of the 100 strongest hidden units"
    return tiles(rows[order], image_shape, f"{title} (orange: positive, purple: negative)", signed=True)


def reconstructions(
    v: ArrayLike, reconstructed: ArrayLike, image_shape: tuple[int, int] | None = None, columns: int = 16
) -> Figure:
    """Rows of `v [n, V]` with their reconstructions below them.

    Args:
        v: rows `[n, V]`.
        reconstructed: their reconstructions, `[n, V]`.
        image_shape: as in `tiles`.
        columns: pictures side by side.

    Raises:
        InputError: as `tiles`, or the shapes of the two differ.
    """
    (rows, shape), (others, _) = (_pictures(x, n, image_shape) for x, n in ((v, "v"), (reconstructed, "reconstructed")))
    if others.shape != rows.shape:
        raise InputError(f"reconstructed must have the shape of v, {list(rows.shape)}, but has {list(others.shape)}")
    columns = min(len(rows), _pictures_a_line(shape, columns))
    lines = [part[i : i + columns] for i in range(0, len(rows), columns) for part in (rows, others)]
    sheet = np.concatenate([np.pad(line, ((0, columns - len(line)), (0, 0)), constant_values=np.nan) for line in lines])
    return tiles(sheet, shape, "Data (odd lines) and reconstructions (even lines)", columns)


def learning_curves(
    metrics: Sequence[Mapping[str, float]], baseline: float | None = None, bound: float | None = None
) -> Figure:
    """Log likelihood and free-energy gap against updates.

    Args:
        metrics: of the states of a run; the trials of a search are lines of their own.
        baseline: of independent units.
        bound: the best possible, -entropy of the source.

    Raises:
        InputError: `metrics` is no sequence of mappings.
    """
    for state in _checks.instance(metrics, Sequence, "metrics", "the metrics of the states of a run"):
        _checks.instance(state, Mapping, "metrics", "mappings of names to numbers")
    for value, name in ((baseline, "baseline"), (bound, "bound")):
        if value is not None:
            _checks.finite(value, name)
    figure, (upper, lower) = _panels(2, 1, (7, 6), sharex=True, height_ratios=(2, 1))
    series = (
        (upper, "train_log_likelihood", "training rows", DATA),
        (upper, "valid_log_likelihood", "held-out rows", MODEL),
        (lower, "free_energy_gap", "", INK),
    )
    for axes, key, name, color in series:
        for index, trial in enumerate(dict.fromkeys(m.get("trial") for m in metrics)):  # a line each
            points = [(m["step"], m[key]) for m in metrics if key in m and m.get("trial") == trial]
            if points:
                axes.plot(*zip(*points, strict=True), color=color, label="" if index else name, marker=".", markersize=4)
    for value, name, style in ((baseline, "independent units (test rows)", ":"), (bound, "best possible", "--")):
        if value is not None:
            upper.axhline(value, color=INK, linestyle=style, linewidth=1, label=name)
    if upper.lines:
        upper.legend(frameon=False)
    else:
        upper.text(0.5, 0.5, "not measured: this model is too large to be exact", ha="center", transform=upper.transAxes)
    upper.set_ylabel("log likelihood (nats/example)")
    lower.axhline(0, color=INK, linewidth=0.5)
    lower.set(xlabel="updates", ylabel="free-energy gap (nats)\nheld-out minus training")
    return figure


def energies(relaxation: Relaxation, mixing: Mixing) -> Figure:
    """Free energy, and the component that differs most, of chains from both starts over time; their autocorrelation below.

    Args:
        relaxation: the chains of `relaxation`.
        mixing: the figures of `harmonium.diagnostics.mixing`.

    Raises:
        InputError: an argument of another type.
    """
    _checks.instance(relaxation, Relaxation, "relaxation")
    _checks.instance(mixing, Mixing, "mixing")
    worst = 1 + int(np.argmax(np.abs(mixing.starts.difference[1:])))
    figure, (energy, component, correlation) = _panels(3, 1, (8, 8.5))
    _bands(energy, relaxation, relaxation.free_energy)
    energy.set_ylabel("free energy (nats)")
    energy.legend(frameon=False, title="median, 5 to 95 % of chains", fontsize=9, title_fontsize=9)
    _bands(component, relaxation, relaxation.components[..., worst - 1])
    component.set(ylabel=f"{mixing.quantities[worst]} of v", xlabel="Gibbs sweeps")
    styles = [(INK, "-"), (DATA, "-"), (MODEL, "-"), (DATA, "--"), (MODEL, "--")]
    for name, line, (color, style) in zip(mixing.quantities, mixing.autocorrelation, styles, strict=False):
        correlation.plot(mixing.lags, line, color=color, linestyle=style, label=name, linewidth=1.2)
    correlation.axhline(0, color=INK, linewidth=0.5)
    correlation.set(xlabel="lag (sweeps)", ylabel="autocorrelation,\nsecond half of all chains", xlim=(0, None))
    correlation.legend(frameon=False, fontsize=9)
    return figure


def _bands(axes: Axes, relaxation: Relaxation, values: np.ndarray) -> None:
    # Much happens in the first few sweeps, so time is logarithmic, and later times are shown more rarely.
    last = len(relaxation.sweeps) - 1
    times = np.unique([0, *np.geomspace(1, last, MAX_TIMES).round().astype(int)])
    for start, color, chains in zip(STARTS, (MODEL, DATA), values[:, :, times], strict=True):
        low, median, high = np.quantile(chains, (0.05, 0.5, 0.95), axis=0)
        axes.fill_between(relaxation.sweeps[times], low, high, color=color, alpha=0.2, linewidth=0)
        axes.plot(relaxation.sweeps[times], median, color=color, label=f"from {start}", linewidth=1.2)
    axes.set_xscale("symlog", linthresh=relaxation.spacing)
    axes.set_xlim(0, relaxation.sweeps[-1])


def swap_rates(swaps: Swaps) -> Figure:
    """How often neighboring rungs of tempering exchange their states, between the betas they are at.

    Args:
        swaps: the course of `swaps`.

    Raises:
        InputError: `swaps` is no `Swaps`.
    """
    _checks.instance(swaps, Swaps, "swaps")
    figure, (axes,) = _panels(1, 1, (8, 4))
    axes.stairs(swaps.acceptance, swaps.betas, fill=True, color=MODEL, alpha=0.35)
    axes.stairs(swaps.acceptance, swaps.betas, baseline=None, color=MODEL, linewidth=1.5)
    axes.vlines(swaps.betas, 0, 0.02, color=INK, linewidth=1)
    axes.axhline(SMALL_RATE, color=INK, linestyle=":", linewidth=1, label=f"bottleneck below {SMALL_RATE:g}")
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="probability of an exchange")
    axes.set_xlabel("beta: 0 for independent units, 1 for the model (ticks: rungs)")
    axes.set_title(f"{swaps.round_trips:,} round trips of {len(swaps.values):,} ladders in {swaps.steps:,} steps", fontsize=10)
    axes.legend(frameon=False, fontsize=9)
    return figure


def weight_histograms(rbm: RBM) -> Figure:
    """How the weights and the parameters of both layers are spread.

    Args:
        rbm: the model.

    Raises:
        InputError: a malformed model.
    """
    values = {"weights": model.validate(rbm).weights}
    for layer in ("visible", "hidden"):
        for path, leaf in jax.tree_util.tree_leaves_with_path(getattr(rbm, layer)):
            name = jax.tree_util.keystr(path, simple=True, separator=" ")
            if not name.endswith("ceiling"):  # which is not learned
                values[f"{layer} {name}"] = leaf
    columns = min(3, len(values))
    lines = math.ceil(len(values) / columns)
    figure, panels = _panels(lines, columns, (9, 3 * lines))
    for axes, (name, value) in zip(panels, values.items(), strict=False):
        numbers = np.asarray(value, dtype=float).ravel()
        low, high = numbers.min(), numbers.max()
        if high - low <= 1e-9 * max(abs(low), abs(high)):  # too close for bins between them
            low, high = low - max(1.0, abs(low)), high + max(1.0, abs(high))
        axes.hist(numbers, bins=min(60, 5 + int(math.sqrt(len(numbers)))), range=(low, high), color=MODEL)
        axes.axvline(0, color=INK, linewidth=0.5)
        axes.set(xlabel=name, ylabel="count")
        axes.set_title(f"{len(numbers):,} values, mean {numbers.mean():.3g}, sd {numbers.std():.3g}", fontsize=9)
    for axes in panels[len(values) :]:
        axes.remove()
    return figure


def hidden_activations(hidden: HiddenUnits) -> Figure:
    """What each hidden unit makes of each row: rows along their leading component, the most active units first.

    Args:
        hidden: of `harmonium.diagnostics.hidden_units`.

    Raises:
        InputError: `hidden` is no `HiddenUnits`.
    """
    activity = _checks.instance(hidden, HiddenUnits, "hidden").activity
    if len(activity) > MAX_ROWS:
        activity = activity[np.linspace(0, len(activity) - 1, MAX_ROWS).astype(int)]
    centered = activity - activity.mean(axis=0)
    leading = np.linalg.svd(centered, full_matrices=False)[0][:, 0]
    units = np.argsort(-hidden.activity.mean(axis=0), kind="stable")
    figure, (axes,) = _panels(1, 1, (8, 6))
    image = axes.imshow(activity[np.argsort(leading)][:, units], aspect="auto", cmap="gray_r", interpolation="nearest")
    figure.colorbar(image, ax=axes, label="E[h | v]", shrink=0.8)
    total = activity.shape[1]
    axes.set(ylabel=f"{len(activity):,} rows of data, along their leading component")
    if total <= 40:
        axes.set_xticks(range(total), [f"h{unit + 1}" for unit in units], rotation=90, fontsize=8)
    axes.set_xlabel(f"{total:,} hidden units, the most active first")
    axes.set_title(hidden.verdict.sentence.split(":")[0], fontsize=10, wrap=True)
    return figure


def spectrum(spectrum: Spectrum) -> Figure:
    """Singular values of the weights beside the spread of the data along their principal components, on a log scale.

    Args:
        spectrum: of `harmonium.diagnostics.spectrum`.

    Raises:
        InputError: `spectrum` is no `Spectrum`.
    """
    _checks.instance(spectrum, Spectrum, "spectrum")
    figure, (axes,) = _panels(1, 1, (8, 5))
    series = (
        ("weights: singular values", spectrum.weights, MODEL, "o"),
        ("data: standard deviations", spectrum.data, DATA, "s"),
    )
    for name, values, color, marker in series:
        visible = values[values > 1e-6 * values.max()]
        places = 1 + np.arange(len(visible))
        axes.plot(places, visible, marker if len(visible) <= 100 else "", linestyle="-", color=color, markersize=4, label=name)
    axes.axhline(spectrum.amplifying, color=MODEL, linestyle="--", linewidth=1, label=f"learned above {spectrum.amplifying:g}")
    if spectrum.in_data:
        noise = spectrum.in_data + 0.5
        axes.axvline(noise, color=DATA, linestyle=":", linewidth=1, label=f"{spectrum.in_data} components above the noise")
    axes.set(yscale="log", xlabel="mode, the largest first", ylabel="singular value, standard deviation")
    axes.legend(frameon=False, fontsize=9)
    return figure


def comparison(comparison: Comparison) -> Figure:
    """How far samples, other rows and independent columns are from the rows: by column, by pair, and by MMD at each bandwidth;
    and how far training and held-out rows are from their closest samples.

    Args:
        comparison: of `harmonium.diagnostics.compare`.

    Raises:
        InputError: `comparison` is no `Comparison`.
    """
    sets = {what: getattr(_checks.instance(comparison, Comparison, "comparison"), what) for what in WHAT}
    styles = {"samples": (DATA, "o"), "floor": (INK, "."), "independent": (MODEL, "x")}
    figure, (column, pair, mmd, leak) = _panels(2, 2, (9, 7.5))
    order = np.argsort(comparison.samples.shapes)
    first, second = np.triu_indices(len(comparison.paired), 1)
    for axes, name in ((column, "column"), (pair, "pair of columns")):
        for what, found in sets.items():
            values = found.shapes[order] if axes is column else np.sort(found.trends[first, second])
            color, marker = styles[what]
            axes.plot(np.arange(1, len(values) + 1), 1 - values, marker, color=color, markersize=4, label=WHAT[what])
        axes.set(xlabel=f"{name}, the least alike first", ylabel="difference (0: none, 1: most)", ylim=(0, None))
    if len(order) <= MAX_NAMES:
        column.set_xticks(range(1, len(order) + 1), [comparison.names[i] for i in order], rotation=90, fontsize=8)
        column.set_xlabel("")
    column.legend(frameon=False, fontsize=9)
    for what, found in sets.items():
        color, marker = styles[what]
        mmd.errorbar(
            found.mmd.bandwidths,
            found.mmd.estimate,
            found.mmd.standard_error,
            marker=marker,
            color=color,
            markersize=4,
            capsize=2,
        )
    mmd.axhline(0, color=INK, linewidth=0.5)
    smallest = min(float(found.mmd.standard_error.max()) for found in sets.values()) or 1e-12
    mmd.set_yscale("symlog", linthresh=smallest)
    mmd.set(xlabel="bandwidth of the kernel", ylabel="MMD squared, and its standard error")
    if comparison.leak is None:
        leak.text(0.5, 0.5, "no training rows are known", ha="center", transform=leak.transAxes)
        leak.set_axis_off()
        return figure
    for values, name, color in (
        (comparison.leak.distances, "training rows", DATA),
        (comparison.leak.held_out_distances, "held-out rows", INK),
    ):
        leak.ecdf(values, color=color, label=name, linewidth=1.2)
    leak.set(xlabel="distance to the closest sample", ylabel="fraction of rows")
    leak.legend(frameon=False, fontsize=9)
    return figure


class _Figure(Figure):
    """A figure that a notebook shows as the value of a cell, without pyplot."""

    def _repr_png_(self) -> bytes:
        with io.BytesIO() as file:
            self.savefig(file, format="png")
            return file.getvalue()


def _panels(lines: int, columns: int, size: tuple[float, float], **settings: Any) -> tuple[Figure, list[Axes]]:
    """A figure and its empty panels."""
    figure = _Figure(figsize=size, facecolor=PAPER, layout="constrained")
    panels = list(figure.subplots(lines, columns, squeeze=False, **settings).flat)
    for axes in panels:
        axes.set_facecolor(PAPER)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def square(size: int) -> tuple[int, int]:
    """The shape in which `size` columns are drawn when nothing is known of them."""
    side = math.isqrt(size)
    return (side, side) if side * side == size and side > 2 else (1, size)


def _pictures(images: ArrayLike, name: str, shape: tuple[int, int] | None) -> tuple[np.ndarray, tuple[int, int]]:
    """The rows, and the shape in which each is drawn."""
    rows = _checks.numeric_array(images, name).astype(float)
    if rows.ndim != 2 or 0 in rows.shape:
        raise InputError(f"{name} must have shape [n, V] with n and V at least 1, but has {list(rows.shape)}")
    if shape is None:
        return rows, square(rows.shape[1])
    _checks.instance(shape, tuple, "image_shape", "a tuple (height, width)")
    if len(shape) != 2 or math.prod(_checks.integer(side, "image_shape") for side in shape) != rows.shape[1]:
        raise InputError(f"image_shape must be (height, width) of {rows.shape[1]} pixels, but is {shape}")
    return rows, shape


def _pictures_a_line(shape: tuple[int, int], columns: int) -> int:
    """`columns` at most, and few where rows are not pictures: the cells of each row then stand in one line."""
    columns = _checks.integer(columns, "columns")
    return columns if shape[0] > 1 else max(1, min(columns, 32 // shape[1]))


def _sheets(groups: Mapping[str, np.ndarray], shape: tuple[int, int], columns: int, title: str, signed: bool = False) -> Figure:
    """Sheets of pictures beside each other, each under its name."""
    height, width = shape
    lines = math.ceil(max(map(len, groups.values())) / columns)
    figure_height = min(14.0, max(1.5, 9 * lines * height / (len(groups) * columns * width) + 0.5))
    figure, panels = _panels(1, len(groups), (9, figure_height))
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    for axes, (name, images) in zip(panels, groups.items(), strict=True):
        axes.set_title(name, fontsize=10, color=INK)
        sheet = np.full((math.ceil(len(images) / columns) * (height + 1) + 1, columns * (width + 1) + 1), np.nan)
        for index, image in enumerate(images):
            top, left = index // columns * (height + 1) + 1, index % columns * (width + 1) + 1
            sheet[top : top + height, left : left + width] = image.reshape(shape)
        limit = np.nanmax(np.abs(sheet), initial=0.0) or 1.0
        low, high = (-limit, limit) if signed else (np.nanmin(sheet, initial=0.0), np.nanmax(sheet, initial=1.0))
        axes.imshow(sheet, cmap="PuOr_r" if signed else "gray_r", vmin=low, vmax=high, interpolation="nearest")
        axes.set_axis_off()
    return figure


def diagnosis(rbm: RBM, diagnosis: Diagnosis) -> dict[str, Figure]:
    """The figures of a diagnosis by name.

    Args:
        rbm: the model.
        diagnosis: of `harmonium.diagnostics.diagnose`.

    Raises:
        InputError: a malformed model, or `diagnosis` is no `Diagnosis`.
    """
    return {
        "energies": energies(diagnosis.relaxation, diagnosis.mixing),
        "swap_rates": swap_rates(diagnosis.swaps),
        "weights": weight_histograms(rbm),
        "hidden_activations": hidden_activations(diagnosis.hidden),
        "spectrum": spectrum(diagnosis.spectrum),
    }
