"""Spin systems: how far the samples of models are from held-out rows, beside the figures of the publication that names them.

    python -m benchmarks --only spins [--systems NAME ...] [--spin-minutes X] [--genotypes FILE]

Every model is trained on the training rows and judged by its samples: the squared maximum mean discrepancy (MMD^2) to test rows
at the published bandwidths (`harmonium.diagnostics.squared_mmd`), and for 16 spins the Kullback-Leibler divergence of the exact
distribution from the model's. Samples are those of `hm.sample`, but for scikit-learn's BernoulliRBM: Gibbs chains of 1,000
sweeps from noise, as in the publication. Errors are those of independent samples.

The published figures (XanaduAI/scaling-gqml, its `calc_mmd_loss`, and XanaduAI/iqpopt, `mmd_loss_samples`) are of the same
quantity: kernel exp(-|x - y|^2 / 2 s^2) of rows 0/1, pairs of different rows alone, so without bias. They are means over 20
parts of test rows and samples, each compared with its own; here every row meets every other, which has the same expectation and
a smaller error.

The floor is what training rows are from test rows, and zero but for chance. A model that had learned its n training rows by
heart would be farther: rows drawn from them with replacement are (1 - E k(x, y)) / n from the distribution.

FILE is a table of 0/1 in any form that `harmonium train` reads; a tenth of its rows is for the test.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.neural_network import BernoulliRBM

import harmonium as hm
from benchmarks import here
from benchmarks.spin_systems import MAX_ENUMERATED, SYSTEMS, Blobs, Ising, all_rows
from harmonium.diagnostics import SquaredMMD, squared_mmd
from harmonium.sampling import draw

MAX_SAMPLES, MAX_SKLEARN_SAMPLES = 10_000, 500
VALID_FRACTION = 0.1
SKLEARN_UPDATES, SKLEARN_MINUTES, SKLEARN_RATE, SKLEARN_BATCH = 8000, 2.0, 0.01, 64
"""Whichever ends first. The publication has 5,000 or 10,000 epochs, rates from 0.00001 to 0.01 and batches of 32 and 64."""
UPDATES = 20_000
"""Of a run whose estimator is given, for 16 spins."""
PENALTY = 1e-3
"""For the larger systems, most of whose spins have few neighbors: ten times the default's."""
GENOTYPE_HIDDEN = 300


@dataclass(frozen=True)
class Task:
    """Rows to learn from and to be compared with. `published`: as in `SpinSystem`; `distribution`: of the rows, if known."""

    name: str
    train: np.ndarray
    test: np.ndarray
    hidden: int
    published: dict[float, tuple[float, float]]
    distribution: Ising | Blobs | None
    minutes: float | None

    @property
    def samples(self) -> int:
        return min(MAX_SAMPLES, len(self.test))


@dataclass(frozen=True)
class Entry:
    """A contender's samples, its model if it has one, how the samples came about, and seconds of training and of sampling."""

    samples: np.ndarray
    rbm: hm.RBM | None
    drawn: str
    seconds: tuple[float, float]


def main(only: list[str] | None = None, minutes: float | None = None, genotypes: Path | None = None) -> str:
    texts = [
        "MMD^2 and its standard error by bandwidth s. Floor: training rows against test rows. Verdict: at the floor where not "
        "more than two standard errors above it, at every bandwidth, or below the circuit's published figure. Published: arXiv "
        "2503.02934, of other couplings but for 16 spins. KL: of the exact distribution from the model's, in nats."
    ]
    for system in SYSTEMS:
        if only is None or any(part in system.name for part in only):
            began = time.monotonic()
            distribution, train, test = system.draw()
            print(f"{system.name}: rows drawn in {time.monotonic() - began:.0f} s", flush=True)
            texts.append(_judge(Task(system.name, train, test, system.hidden, system.published, distribution, minutes)))
    if genotypes is not None:
        data = hm.data.load(genotypes, hold_out=("test",))
        texts.append(_judge(Task(genotypes.name, data.train, data.test, GENOTYPE_HIDDEN, {}, None, minutes)))
    return "\n\n".join(texts)


def _judge(task: Task) -> str:
    floor = squared_mmd(task.train, task.test, list(task.published) or None)
    lines = []

    def add(name: str, found: SquaredMMD, entry: Entry | None) -> None:
        cells = [f"{value:.1e} ± {error:.0e}" for value, error in zip(found.estimate, found.standard_error, strict=True)]
        divergence = verdict = drawn = seconds = ""
        if entry is not None:
            verdict, drawn = _verdict(found, floor, task), entry.drawn
            seconds = " + ".join(f"{each:.0f}" for each in entry.seconds)
            if _is_enumerable(task) and (entry.rbm is not None or not drawn):
                divergence = f"{_divergence(task.distribution, entry.rbm):.4f}"
        lines.append([name, *cells, divergence, verdict, seconds, drawn])
        print(*lines[-1], sep=" | ", flush=True)

    add("floor", floor, None)
    for name, contend in _contenders(task).items():
        entry = contend()
        add(name, squared_mmd(entry.samples, task.test, floor.bandwidths), entry)
    if task.published:
        names = ("RBM, published", "quantum circuit, published")
        for name, values in zip(names, zip(*task.published.values(), strict=True), strict=True):
            lines.append([name, *(f"{value:.1e}" for value in values), "", "", "", ""])
    size = f"{task.train.shape[1]} spins, {len(task.train):,} training and {len(task.test):,} test rows"
    columns = ["samples of", *(f"s = {width:.3g}" for width in floor.bandwidths), "KL", "verdict"]
    columns += ["seconds of training and sampling", "drawn by"]
    return f"{task.name}: {size}, {task.hidden} hidden units.\n\n{here.table(columns, lines)}"


def _verdict(found: SquaredMMD, floor: SquaredMMD, task: Task) -> str:
    at_floor = found.estimate <= floor.estimate + 2 * found.standard_error
    circuit = np.array([circuit for _, circuit in task.published.values()] or [-np.inf] * len(at_floor))
    below = found.estimate < circuit
    if at_floor.all():
        return "at the floor"
    return "below the circuit" if (at_floor | below).all() else "no"


def _is_enumerable(task: Task) -> bool:
    return task.distribution is not None and task.train.shape[1] <= MAX_ENUMERATED


def _divergence(distribution: Ising | Blobs, rbm: hm.RBM | None) -> float:
    """KL(exact distribution, model), the model being uniform if there is none."""
    log_p = distribution.log_probabilities()
    rows = all_rows(int(np.log2(len(log_p))))
    log_q = -np.log(len(log_p)) if rbm is None else hm.log_prob(rbm, rows).value
    return float(np.sum(np.exp(log_p) * (log_p - log_q)))


# ---- contenders


def _contenders(task: Task) -> dict[str, Callable[[], Entry]]:
    length: dict[str, Any] = {} if task.minutes is None else {"minutes": task.minutes}
    models = {"Harmonium by default": length}
    if _is_enumerable(task):
        names = {"exact gradient": "exact", "PCD-1": "pcd-1", "parallel tempering": "pt-1"}
        models |= {name: {"estimator": estimator, "updates": UPDATES} for name, estimator in names.items()}
    else:
        models |= {f"penalty {PENALTY:g}": {"l1": PENALTY} | length}
    contenders: dict[str, Callable[[], Entry]] = {
        name: lambda settings=settings: _fit(task, settings) for name, settings in models.items()
    }
    return contenders | {
        "scikit-learn's BernoulliRBM": lambda: _fit_sklearn(task),
        "training rows, with replacement": lambda: _redraw(task),
        "independent columns": lambda: _shuffle(task),
        "uniform noise": lambda: _noise(task),
    }


def _fit(task: Task, settings: dict[str, Any]) -> Entry:
    """Trained with a tenth of the rows for the choice of settings, if those are not all given."""
    began = time.monotonic()
    valid, rest = np.split(task.train, [int(VALID_FRACTION * len(task.train))])
    held_out = {} if "updates" in settings else {"valid": valid}
    rows = rest if held_out else task.train
    rbm = hm.fit(hm.initialize(rows, task.hidden), rows, **held_out, **settings)
    fitted = time.monotonic()
    drawn = draw(rbm, task.samples)
    for warning in drawn.warnings:
        print(warning, flush=True)
    doubt = f", with {len(drawn.warnings)} warning" if drawn.warnings else ""
    return Entry(drawn.values, rbm, drawn.method + doubt, (fitted - began, time.monotonic() - fitted))


def _fit_sklearn(task: Task) -> Entry:
    began = time.monotonic()
    random, rows, updates = np.random.default_rng(1), task.train.astype(np.float32), 0
    fitted = BernoulliRBM(task.hidden, learning_rate=SKLEARN_RATE, batch_size=SKLEARN_BATCH, random_state=0)
    while updates < SKLEARN_UPDATES and time.monotonic() - began < 60 * SKLEARN_MINUTES:
        fitted.partial_fit(rows[random.choice(len(rows), SKLEARN_BATCH, replace=False)])
        updates += 1
    ended = time.monotonic()
    visible, hidden = hm.Binary(fitted.intercept_visible_), hm.Binary(fitted.intercept_hidden_)
    rbm = hm.RBM(visible, hidden, fitted.components_.T)
    samples = min(MAX_SKLEARN_SAMPLES, task.samples)
    start = random.integers(0, 2, (samples, task.train.shape[1])).astype(float)
    drawn = draw(rbm, samples, method="gibbs", start=start)
    how = f"{drawn.method}, after {updates:,} updates"
    return Entry(drawn.values, rbm, how, (ended - began, time.monotonic() - ended))


def _redraw(task: Task) -> Entry:
    rows = np.random.default_rng(3).choice(task.train, task.samples)
    return Entry(rows, None, "with replacement", (0.0, 0.0))


def _shuffle(task: Task) -> Entry:
    rows = np.random.default_rng(4).permuted(task.train[: task.samples], axis=0)
    return Entry(rows, None, "shuffled by column", (0.0, 0.0))


def _noise(task: Task) -> Entry:
    return Entry(np.random.default_rng(2).integers(0, 2, (task.samples, task.train.shape[1])), None, "", (0.0, 0.0))
