"""Spin systems: how far the samples of models are from held-out rows, beside the figures of the publication that names them.

    python -m benchmarks --only spins [--systems NAME ...] [--spin-minutes X] [--genotypes FILE]

Every model is trained on the training rows and judged by its samples: the squared maximum mean discrepancy (MMD^2) to test rows
at the published bandwidths (`harmonium.diagnostics.squared_mmd`), and for 16 spins the Kullback-Leibler divergence of the exact
distribution from the model's. The floor is what training rows are themselves from test rows. Samples are those of `hm.sample`,
but for scikit-learn's BernoulliRBM: Gibbs chains of 1,000 sweeps from noise, as in the publication.

FILE is a table of 0/1 without a header, its columns set apart by commas, or an .npy of such: two thirds are for training.
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
from benchmarks.spin_systems import SYSTEMS, Blobs, Ising, SpinSystem, all_rows
from harmonium.diagnostics import SquaredMMD, squared_mmd
from harmonium.sampling import draw

MAX_SAMPLES, MAX_SKLEARN_SAMPLES = 10_000, 2000
VALID_FRACTION = 0.1
SKLEARN_EPOCHS, SKLEARN_RATE, SKLEARN_BATCH = 100, 0.01, 64
"""The publication has 5,000 or 10,000 epochs, rates from 0.00001 to 0.01 and batches of 32 and 64."""
UPDATES = 20_000
"""Of a run whose estimator is given, for 16 spins."""
GENOTYPE_HIDDEN = 300


@dataclass(frozen=True)
class Entry:
    """A contender's samples, its model if it has one, how the samples came about, and seconds of training and of sampling."""

    samples: np.ndarray
    rbm: hm.RBM | None
    drawn: str
    seconds: tuple[float, float]


def main(only: list[str] | None = None, minutes: float | None = None, genotypes: Path | None = None) -> str:
    texts = []
    for system in SYSTEMS:
        if not only or any(part in system.name for part in only):
            began = time.monotonic()
            distribution, train, test = system.draw()
            print(f"{system.name}: rows drawn in {time.monotonic() - began:.0f} s", flush=True)
            texts.append(_judge(system, distribution, train, test, minutes))
    if genotypes is not None:
        rows = np.load(genotypes) if genotypes.suffix == ".npy" else np.loadtxt(genotypes, delimiter=",", dtype=np.int8)
        rows = np.random.default_rng(0).permutation(rows)
        train, test = np.split(rows, [2 * len(rows) // 3])
        system = SpinSystem(genotypes.name, lambda _: None, rows.shape[1], len(train), len(test), GENOTYPE_HIDDEN)  # type: ignore[arg-type,return-value]
        texts.append(_judge(system, None, train, test, minutes))
    note = (
        "MMD^2 and its standard error by bandwidth. Floor: training rows against test rows. Verdict: at the floor where not "
        "more than two standard errors above it, at every bandwidth, or below the circuit's published figure. Published: arXiv "
        "2503.02934, of other couplings but for 16 spins. KL: of the exact distribution from the model's, in nats."
    )
    return "\n\n".join([note, *texts])


def _judge(
    system: SpinSystem, distribution: Ising | Blobs | None, train: np.ndarray, test: np.ndarray, minutes: float | None
) -> str:
    floor = squared_mmd(train, test, list(system.published) or None)
    lines = []

    def add(name: str, found: SquaredMMD, entry: Entry | None) -> None:
        cells = [f"{value:.1e} ± {error:.0e}" for value, error in zip(found.estimate, found.standard_error, strict=True)]
        divergence = verdict = drawn = seconds = ""
        if entry is not None:
            verdict, drawn = _verdict(found, floor, system), entry.drawn
            seconds = " + ".join(f"{each:.0f}" for each in entry.seconds)
            if distribution is not None and system.is_enumerable:
                divergence = f"{_divergence(distribution, entry.rbm):.4f}"
        lines.append([name, *cells, divergence, verdict, seconds, drawn])
        print(*lines[-1], sep=" | ", flush=True)

    add("floor", floor, None)
    for name, contend in _contenders(system, minutes).items():
        entry = contend(train)
        add(name, squared_mmd(entry.samples, test, floor.bandwidths), entry)
    if system.published:
        names = ("RBM, published", "quantum circuit, published")
        for name, values in zip(names, zip(*system.published.values(), strict=True), strict=True):
            lines.append([name, *(f"{value:.1e}" for value in values), "", "", "", ""])
    size = f"{system.columns} spins, {len(train):,} training and {len(test):,} test rows, {system.hidden} hidden units"
    columns = ["samples of", *(f"s = {width:.3g}" for width in floor.bandwidths), "KL", "verdict"]
    columns += ["seconds of training and sampling", "drawn by"]
    return f"{system.name}: {size}.\n\n{here.table(columns, lines)}"


def _verdict(found: SquaredMMD, floor: SquaredMMD, system: SpinSystem) -> str:
    at_floor = found.estimate <= floor.estimate + 2 * found.standard_error
    circuit = np.array([circuit for _, circuit in system.published.values()] or [-np.inf] * len(at_floor))
    below = found.estimate < circuit
    if at_floor.all():
        return "at the floor"
    return "below the circuit" if (at_floor | below).all() else "no"


def _divergence(distribution: Ising | Blobs, rbm: hm.RBM | None) -> float:
    """KL(exact distribution, model), the model being uniform if there is none."""
    log_p = distribution.log_probabilities()
    rows = all_rows(int(np.log2(len(log_p))))
    log_q = -np.log(len(log_p)) if rbm is None else hm.log_prob(rbm, rows).value
    return float(np.sum(np.exp(log_p) * (log_p - log_q)))


# ---- contenders


def _contenders(system: SpinSystem, minutes: float | None) -> dict[str, Callable[[np.ndarray], Entry]]:
    """Each takes the training rows."""
    length: dict[str, Any] = {} if minutes is None else {"minutes": minutes}
    given = {"updates": UPDATES} if system.is_enumerable else length
    models = {"Harmonium by default": length}
    if system.is_enumerable:
        models |= {"exact gradient": {"estimator": "exact"} | given, "PCD-1": {"estimator": "pcd-1"} | given}
    models["parallel tempering"] = {"estimator": "pt-1"} | given
    contenders = {name: lambda train, settings=settings: _fit(train, system, settings) for name, settings in models.items()}
    return contenders | {"scikit-learn's BernoulliRBM": lambda train: _fit_sklearn(train, system), "uniform noise": _noise}


def _fit(train: np.ndarray, system: SpinSystem, settings: dict[str, Any]) -> Entry:
    """Trained with a tenth of the rows for the choice of settings, if those are not all given."""
    began = time.monotonic()
    valid, rest = np.split(train, [int(VALID_FRACTION * len(train))])
    held_out = {} if "updates" in settings else {"valid": valid}
    rows = rest if held_out else train
    rbm = hm.fit(hm.initialize(rows, system.hidden), rows, **held_out, **settings)
    fitted = time.monotonic()
    drawn = draw(rbm, min(MAX_SAMPLES, 2 * system.test))
    doubt = f" ({len(drawn.warnings)} warnings)" if drawn.warnings else ""
    return Entry(drawn.values, rbm, drawn.method + doubt, (fitted - began, time.monotonic() - fitted))


def _fit_sklearn(train: np.ndarray, system: SpinSystem) -> Entry:
    began = time.monotonic()
    fitted = BernoulliRBM(
        system.hidden, learning_rate=SKLEARN_RATE, batch_size=SKLEARN_BATCH, n_iter=SKLEARN_EPOCHS, random_state=0
    ).fit(train.astype(np.float32))
    ended = time.monotonic()
    visible, hidden = hm.Binary(fitted.intercept_visible_), hm.Binary(fitted.intercept_hidden_)
    rbm = hm.RBM(visible, hidden, fitted.components_.T)
    random = np.random.default_rng(1)
    samples = min(MAX_SKLEARN_SAMPLES, 2 * system.test)
    start = random.integers(0, 2, (samples, system.columns)).astype(float)
    drawn = draw(rbm, samples, method="gibbs", start=start)
    return Entry(drawn.values, rbm, drawn.method, (ended - began, time.monotonic() - ended))


def _noise(train: np.ndarray) -> Entry:
    return Entry(np.random.default_rng(2).integers(0, 2, train.shape), None, "", (0.0, 0.0))
