"""Pictures of the diagnostics, as matplotlib figures; callers save them."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

from harmonium.diagnostics import HiddenUnits, Mixing, Relaxation, Spectrum, Swaps
from harmonium.diagnostics.relaxation import STARTS
from harmonium.diagnostics.swaps import SMALL_RATE
from harmonium.model import RBM
from harmonium.plots import DATA, INK, MODEL, PAPER

MOST_ROWS = 500
"""Rows in the matrix of hidden activities."""
MOST_TIMES = 60
"""Times at which bands of chains are drawn."""


def energies(relaxation: Relaxation, mixing: Mixing) -> Figure:
    """Free energy, and the component that differs most, of chains from both starts over time; their autocorrelation below."""
    worst = 1 + int(np.argmax(np.abs(mixing.starts.difference[1:])))
    figure, (energy, component, correlation) = _panels(3, (8, 8.5))
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


def _bands(axes: Any, relaxation: Relaxation, values: np.ndarray) -> None:
    # Much happens in the first few sweeps, so time is logarithmic, and later times are shown more rarely.
    last = len(relaxation.sweeps) - 1
    times = np.unique([0, *np.geomspace(1, last, MOST_TIMES).round().astype(int)])
    for start, color, chains in zip(STARTS, (MODEL, DATA), values[:, :, times], strict=True):
        low, median, high = np.quantile(chains, (0.05, 0.5, 0.95), axis=0)
        axes.fill_between(relaxation.sweeps[times], low, high, color=color, alpha=0.2, linewidth=0)
        axes.plot(relaxation.sweeps[times], median, color=color, label=f"from {start}", linewidth=1.2)
    axes.set_xscale("symlog", linthresh=relaxation.spacing)
    axes.set_xlim(0, relaxation.sweeps[-1])


def swap_rates(swaps: Swaps) -> Figure:
    """How often neighboring rungs of tempering exchange their states, between the betas they are at."""
    figure, (axes,) = _panels(1, (8, 4))
    axes.stairs(swaps.acceptance, swaps.betas, fill=True, color=MODEL, alpha=0.35)
    axes.stairs(swaps.acceptance, swaps.betas, baseline=None, color=MODEL, linewidth=1.5)
    axes.vlines(swaps.betas, 0, 0.02, color=INK, linewidth=1)
    axes.axhline(SMALL_RATE, color=INK, linestyle=":", linewidth=1, label=f"bottleneck below {SMALL_RATE:g}")
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="probability of an exchange")
    axes.set_xlabel("beta: 0 for independent units, 1 for the machine (ticks: rungs)")
    axes.set_title(f"{swaps.round_trips:,} round trips of {len(swaps.values):,} ladders in {swaps.steps:,} steps", fontsize=10)
    axes.legend(frameon=False, fontsize=9)
    return figure


def weight_histograms(rbm: RBM) -> Figure:
    """How the weights and the parameters of both layers are spread."""
    values = {"weights": rbm.weights}
    for layer in ("visible", "hidden"):
        for path, leaf in jax.tree_util.tree_leaves_with_path(getattr(rbm, layer)):
            values[f"{layer} {jax.tree_util.keystr(path, simple=True, separator=' ')}"] = leaf
    columns = min(3, len(values))
    figure = Figure(figsize=(9, 3 * math.ceil(len(values) / columns)), facecolor=PAPER, layout="constrained")
    for place, (name, value) in enumerate(values.items(), start=1):
        axes = _plain(figure.add_subplot(math.ceil(len(values) / columns), columns, place))
        numbers = np.asarray(value, dtype=float).ravel()
        axes.hist(numbers, bins=min(60, 5 + int(math.sqrt(len(numbers)))), color=MODEL)
        axes.axvline(0, color=INK, linewidth=0.5)
        axes.set(xlabel=name, ylabel="how many" if place % columns == 1 or columns == 1 else "")
        axes.set_title(f"{len(numbers):,} values, mean {numbers.mean():.3g}, sd {numbers.std():.3g}", fontsize=9)
    return figure


def hidden_activations(hidden: HiddenUnits) -> Figure:
    """What each hidden unit makes of each row: rows along their leading component, the most active units first."""
    activity = hidden.activity
    if len(activity) > MOST_ROWS:
        activity = activity[np.linspace(0, len(activity) - 1, MOST_ROWS).astype(int)]
    centered = activity - activity.mean(axis=0)
    leading = np.linalg.svd(centered, full_matrices=False)[0][:, 0]
    units = np.argsort(-hidden.activity.mean(axis=0), kind="stable")
    figure = Figure(figsize=(8, 6), facecolor=PAPER, layout="constrained")
    axes = figure.add_subplot()
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
    """Singular values of the weights beside the spread of the data along their principal components, on a log scale."""
    figure, (axes,) = _panels(1, (8, 5))
    series = (
        ("weights: singular values", spectrum.weights, MODEL, "o"),
        ("data: standard deviations", spectrum.data, DATA, "s"),
    )
    for name, values, color, marker in series:
        shown = values[values > 1e-6 * values.max()]
        places = 1 + np.arange(len(shown))
        axes.plot(places, shown, marker if len(shown) <= 100 else "", linestyle="-", color=color, markersize=4, label=name)
    axes.axhline(spectrum.amplifying, color=MODEL, linestyle="--", linewidth=1, label=f"learned above {spectrum.amplifying:g}")
    if spectrum.in_data:
        noise = spectrum.in_data + 0.5
        axes.axvline(noise, color=DATA, linestyle=":", linewidth=1, label=f"{spectrum.in_data} components above the noise")
    axes.set(yscale="log", xlabel="mode, the largest first", ylabel="singular value, standard deviation")
    axes.legend(frameon=False, fontsize=9)
    return figure


def _panels(count: int, size: tuple[float, float]) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=size, facecolor=PAPER, layout="constrained")
    return figure, [_plain(figure.add_subplot(count, 1, number)) for number in range(1, count + 1)]


def _plain(axes: Any) -> Any:
    axes.set_facecolor(PAPER)
    axes.spines[["top", "right"]].set_visible(False)
    return axes
