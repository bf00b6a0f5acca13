"""Pictures of calibration, drawn from the figures in benchmarks/RESULTS.md: how often the truth is what was said of it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import binomtest

from docs.records import Record, newest_table, records

INK, COLOR = "#010203", "#c8651b"
"""INK becomes the color of the page's text, so that pictures can be read in light and in dark; COLOR can be read on both."""


class Picture(NamedTuple):
    """SVG, what it shows in words, and the record with its figures."""

    svg: str
    about: str
    record: Record


def interval(fraction: float, count: int) -> tuple[float, float]:
    """The 95 % interval of Clopper and Pearson for the probability behind a fraction of so many."""
    found = binomtest(round(fraction * count), count).proportion_ci(method="exact")
    return found.low, found.high


def number(cell: str) -> float:
    return float(re.sub(r"[,*]", "", cell))


# ---- the pictures


def brackets() -> Picture:
    """How often brackets of ln Z hold the exact value, by kind of model."""
    record, [header, *rows] = newest_table("^models$", "^brackets$", "^covered$")
    places = [header.index(name) for name in ("models", "brackets", "covered")]
    kinds = [[row[place] for place in places] for row in rows]
    names = [f"{name} ({count})" for name, count, _ in kinds]
    counts = [int(number(count)) for _, count, _ in kinds]
    fractions = [number(covered) / count for (_, _, covered), count in zip(kinds, counts, strict=True)]
    figure, axes = panel(0.35 * len(names) + 0.9)
    points(axes, names, fractions, counts)
    axes.axvline(0.95, color=INK, linewidth=1, linestyle=":")
    axes.set_xlabel("fraction that holds the exact value (dotted: 0.95)")
    about = "The fraction of brackets that hold the exact ln Z, by kind of model (number of brackets), with 95 % intervals"
    return Picture(svg(figure, "brackets"), about, record)


def imputed_probabilities() -> Picture:
    """The imputer's probability of its value against the fraction that is right."""
    record, [header, *rows] = newest_table("^RBMImputer's probability", "^mean probability$", "right$")
    said, right, cells = (header.index(name) for name in ("mean probability", header[-1], "cells"))
    x, y, counts = ([number(row[place]) for row in rows] for place in (said, right, cells))
    figure, axes = panel(3.6)
    axes.plot([0.25, 1], [0.25, 1], color=INK, linewidth=1, linestyle=":")
    low, high = np.transpose([interval(fraction, int(count)) for fraction, count in zip(y, counts, strict=True)])
    axes.errorbar(x, y, [np.subtract(y, low).clip(0), np.subtract(high, y).clip(0)], fmt="o", color=COLOR, markersize=5)
    axes.set_xlabel("mean probability of the imputed value")
    axes.set_ylabel("fraction that is right")
    about = "Imputed values: the fraction that is right by stated probability, with 95 % intervals as of independent cells"
    return Picture(svg(figure, "imputed_probabilities"), about, record)


def imputed_deviations() -> Picture:
    """How many real cells lie within one, two and three stated standard deviations."""
    sentence = r"(\d[\d.]*) % within (\d) \(normal: (\d[\d.]*)\)"
    record = next(record for record in records() if "Real cells, standard deviations" in record.text)
    line = next(line for line in record.text.splitlines() if line.startswith("Real cells, standard deviations"))
    found, widths, normal = np.transpose([[float(part) for part in match] for match in re.findall(sentence, line)])
    figure, axes = panel(2.6)
    axes.plot(widths, normal / 100, "_", color=INK, markersize=36, label="normal distribution")
    axes.plot(widths, found / 100, "o", color=COLOR, label="hidden real cells")
    axes.set_xticks(widths)
    axes.set_xlim(0.5, widths.max() + 0.5)
    axes.set_xlabel("stated standard deviations")
    axes.set_ylabel("fraction within")
    axes.legend(frameon=False, loc="lower right", labelcolor=INK, markerscale=0.6)
    return Picture(
        svg(figure, "imputed_deviations"), "The fraction of hidden real cells within so many stated standard deviations", record
    )


def pooled_intervals() -> Picture:
    """How often 95 % intervals after multiple imputation hold the true coefficient."""
    record, [header, *rows] = newest_table("^intervals$", "covered")
    [count] = re.findall(r"^([\d,]+) tables of", record.text, re.MULTILINE)[:1]
    places = [place for place, cell in enumerate(header) if "covered" in cell]
    values = {row[0]: float(np.mean([number(row[place]) for place in places])) / 100 for row in rows}
    figure, axes = panel(0.35 * len(values) + 0.9)
    points(axes, list(values), list(values.values()), [int(number(count)) * len(places)] * len(values))
    axes.axvline(0.95, color=INK, linewidth=1, linestyle=":")
    axes.set_xlabel("fraction that holds the truth (dotted: 0.95)")
    about = f"Coverage of {len(places)} coefficients in {count} tables with gaps, with 95 % intervals as of independent ones"
    return Picture(svg(figure, "pooled_intervals"), about, record)


PICTURES: dict[str, Callable[[], Picture]] = {
    picture.__name__: picture for picture in (brackets, imputed_probabilities, imputed_deviations, pooled_intervals)
}


# ---- drawing


def panel(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.2, height), layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("none")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(colors=INK)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(INK)
    return figure, axes


def points(axes: Axes, names: list[str], fractions: list[float], counts: Iterable[int]) -> None:
    """Fractions one below the other, with their intervals."""
    places = np.arange(len(names))[::-1]
    low, high = np.transpose([interval(fraction, count) for fraction, count in zip(fractions, counts, strict=True)])
    errors = [np.subtract(fractions, low).clip(0), np.subtract(high, fractions).clip(0)]
    axes.errorbar(fractions, places, xerr=errors, fmt="o", color=COLOR, markersize=5)
    axes.set_yticks(places, names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlim(right=1.005)


def svg(figure: Figure, name: str) -> str:
    """A figure as an element of a page: its text stays text, in the page's font and color. `name`: apart from other figures."""
    file, unsaid = io.StringIO(), dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True, metadata=unsaid)
    text = file.getvalue()
    text = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', 'role="img" class="figure"', text[text.index("<svg") :], count=1)
    text = re.sub(r' id="[a-z]+(_\d+)+"| font-family: [^;]*;', "", text)
    return text.replace(INK, "currentColor")
