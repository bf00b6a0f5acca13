"""Models and rows near the ends of floating point: a finite result or one `InputError`, and no warning before it."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import harmonium as hm
from harmonium import diagnostics, exact, lecture, likelihood, plots

BITS = np.array([[0.0, 1, 1], [1, 1, 0], [1, 0, 0]] * 4)
REALS = np.array([[0.0, 1], [1, 1], [2, 0]] * 4)
SHORT: dict[str, Any] = {"seconds": 0.01, "runs": 20, "temperatures": 64, "steps": 50, "rungs": 2}


def binary(scale: float, dtype: type = np.float64) -> hm.RBM:
    weights = scale * np.random.default_rng(0).standard_normal((3, 2))
    return hm.RBM(hm.Binary(np.full(3, scale / 2, dtype)), hm.Binary(np.full(2, -scale, dtype)), weights.astype(dtype))


def on_reals(visible: type, scale: float, weight: float) -> hm.RBM:
    return hm.RBM(visible([0.0, 1.0], [scale, 1.0]), hm.Binary([0.0, 0.0]), [[weight, 0.0], [0.0, 1.0]])


CASES = {
    "binary": (binary(1e150), BITS),
    "far too large": (binary(1e300), BITS),
    "binary, float32": (binary(1e17, np.float32), BITS),
    "gaussian": (on_reals(hm.Gaussian, 1.0, 1e100), REALS),
    "far rows": (on_reals(hm.Gaussian, 1.0, 1.0), 1e200 * REALS),
    "relu": (on_reals(hm.ReLU, 1e-150, 1e140), REALS),
    "gaussian hidden": (
        hm.RBM(hm.Binary([0.0, 1.0]), hm.Gaussian([0.0, 0.0], [1e-100, 1.0]), [[1e120, 0.0], [0.0, 1.0]]),
        REALS % 2,
    ),
}


def holed(v: np.ndarray) -> np.ndarray:
    return np.where(np.arange(v.size).reshape(v.shape) == 0, np.nan, v)


QUICK = {
    "free energy": lambda rbm, v: hm.free_energy(rbm, v),
    "hidden given visible": lambda rbm, v: hm.hidden_given_visible(rbm, v),
    "at temperature": lambda rbm, _: hm.at_temperature(rbm, 1e-9).weights,
    "ln Z": lambda rbm, _: exact.log_partition(rbm),
    "ln p": lambda rbm, v: exact.log_likelihood(rbm, v),
    "moments": lambda rbm, _: exact.moments(rbm),
    "base rate": lambda rbm, v: likelihood.base_rate_log_likelihood(rbm.visible, v),
    "imputation": lambda rbm, v: hm.impute(rbm, holed(v), 2)[:4],
    "surprisal": lambda rbm, v: hm.surprisal(rbm, v)[:2],
    "gap": lambda rbm, v: diagnostics.free_energy_gap(rbm, v, v).gap,
    "hidden units": lambda rbm, v: diagnostics.hidden_units(rbm, v).activity,
    "spectrum": lambda rbm, v: diagnostics.spectrum(rbm, v).alignment,
    "accuracy": lambda _, v: diagnostics.adversarial_accuracy(v, v).accuracy,
    "filters": lambda rbm, _: plots.filters(rbm.weights) and (),
    "histograms": lambda rbm, _: plots.weight_histograms(rbm) and (),
}
LONG = {
    "sample": lambda rbm, _: hm.sample(rbm, 3, method="gibbs", sweeps=2),
    "reconstruction": lambda rbm, v: hm.reconstruct(rbm, v, 2),
    "exact sample": lambda rbm, _: exact.sample(rbm, 5),
    "ln p(v | v)": lambda rbm, v: exact.log_reconstruction(rbm, v),
    "table": lambda rbm, _: lecture.table(rbm).joint.probability,
    "conditional": lambda rbm, v: lecture.conditional(rbm, v[1]).conditional,
    "chain": lambda rbm, v: lecture.chain(rbm, v[1], 50).frequency,
    "steps": lambda rbm, v: lecture.steps(rbm, v, hm.cd(1), 0.1)[0].log_probability,
    "evaluation": lambda rbm, v: hm.evaluate(rbm, v).mean,
    "evaluation of holes": lambda rbm, v: hm.evaluate(rbm, holed(v)).mean,
    "estimate": lambda rbm, v: hm.evaluate(rbm, v, method="estimate", **SHORT).mean,
    "pseudo": lambda rbm, v: likelihood.pseudo_log_likelihood(rbm, v),
    "pseudo, one unit": lambda rbm, v: likelihood.stochastic_pseudo_log_likelihood(rbm, v),
    "clamped chains": lambda rbm, v: hm.impute(rbm, holed(v), 2, method="gibbs", chains=2, sweeps=2)[:4],
    "relaxation": lambda rbm, v: diagnostics.relaxation(rbm, v, 2, 20).free_energy,
    "mixing": lambda rbm, v: diagnostics.mixing(diagnostics.relaxation(rbm, v, 2, 20)).ess,
    "swaps": lambda rbm, _: diagnostics.swaps(rbm, 2, 2, 2).values,
}


def check(rbm: hm.RBM, v: np.ndarray, call: Any) -> None:
    """Warnings are errors in all tests."""
    try:
        result = call(rbm, v)
    except hm.InputError:
        return
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result))


@pytest.mark.parametrize("case", ["binary", "far rows"])
def test_a_result_is_finite_or_refused(case):
    for call in QUICK.values():
        check(*CASES[case], call)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*QUICK, *LONG])
def test_every_result_is_finite_or_refused(name):
    for case in CASES.values():
        check(*case, (QUICK | LONG)[name])
