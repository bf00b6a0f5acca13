"""The bracket of ln Z, the evaluation built on it and that of replicas, against exact values; and their warnings."""

from __future__ import annotations

import dataclasses
import json

import jax
import numpy as np
import pytest
from conftest import random_rbm

import harmonium as hm
from harmonium import exact, model
from harmonium.cli.output import plain
from harmonium.exact import missing
from harmonium.likelihood import (
    bidirectional_ais,
    evaluate,
    evaluate_with,
    raise_bound,
    replica_log_likelihood,
    replica_log_partition,
)
from harmonium.likelihood.evaluation import STANDARD_ERRORS
from harmonium.likelihood.missing import log_weights
from harmonium.samplers import parallel_tempering, trajectory_tempering
from harmonium.units import Binary, Spin


def two_modes(size: int = 24, strength: float = 3.0, tilt: float = 0.02) -> hm.RBM:
    """A model with two modes, all zeros and all ones, that Gibbs sampling cannot cross; `tilt` makes the second likelier."""
    weights = np.full((size, 4), strength)
    # The field that makes both modes equal: -1/2 of what the other layer sends when it is all on.
    return hm.RBM(Binary(np.full(size, -2 * strength + tilt)), Binary(np.full(4, -strength * size / 2)), weights)


@pytest.mark.parametrize(
    ("visible", "hidden", "scale", "exact_start"),
    [
        pytest.param(Binary, Binary, 0.3, False, marks=pytest.mark.slow),
        (Binary, Binary, 1.5, True),
        pytest.param(Binary, Binary, 1.5, False, marks=pytest.mark.slow),
        pytest.param(Spin, Binary, 0.7, False, marks=pytest.mark.slow),
        pytest.param(Spin, Binary, 0.7, True, marks=pytest.mark.slow),
    ],
)
def test_the_bracket_contains_the_exact_value_and_is_narrow(visible, hidden, scale, exact_start):
    rbm = random_rbm(visible, hidden, (12, 9), seed=11, scale=scale)
    rows = exact.sample(rbm, 100, seed=1)
    found = bidirectional_ais(rbm, rows, temperatures=1024, steps=300, rungs=12, exact_start=exact_start, seed=3)
    truth = exact.log_partition(rbm)
    assert found.lower <= truth <= found.upper
    assert found.upper - found.lower < 0.3
    for estimate in (found.forward, found.reverse, found.bar):
        assert found.lower <= estimate.lower <= estimate.value <= estimate.upper <= found.upper
    assert 1 <= found.ess_forward <= found.runs
    assert 1 <= found.ess_reverse <= found.runs
    assert found.samples.converged


def test_an_estimate_reports_in_one_line_and_in_plain_numbers():
    rbm = random_rbm(Binary, Binary, (12, 9), seed=11)
    rows = exact.sample(rbm, 100, seed=1)
    stages: dict[str, float] = {}
    found = evaluate(rbm, rows, method="estimate", seconds=1, progress=lambda s, x: stages.update({s: x}))
    truth = exact.log_likelihood(rbm, rows).mean()
    assert found.lower <= truth <= found.upper
    assert found.method.startswith("AIS + reverse, 100 runs x ")
    assert found.warnings == ()
    assert f"{found.mean:.2f}"[:-1] in str(found)
    assert "[" in str(found)
    assert set(stages) == {"placing the temperatures", "sampling the model", "annealing forward", "annealing in reverse"}
    assert set(stages.values()) == {1.0}
    json.dumps(plain(found.to_dict()), allow_nan=False)


@pytest.mark.parametrize("missing_cells", [False, True])
@pytest.mark.slow_except("False")
def test_the_arguments_of_a_result_repeat_it_bit_for_bit(missing_cells):
    rbm = random_rbm(Binary, Binary, (12, 9), seed=11)
    rows = exact.sample(rbm, 100, seed=1)
    rows = np.where(np.random.default_rng(0).random(rows.shape) < 0.1, np.nan, rows) if missing_cells else rows
    first = evaluate(rbm, rows, method="estimate", seconds=0.2, seed=3)
    assert first.arguments.keys() == {"method", "seconds", "runs", "temperatures", "steps", "rungs", "seed"}
    again = evaluate(rbm, rows, **first.arguments)
    assert dataclasses.replace(again, seconds=first.seconds) == first


@pytest.mark.parametrize(("dtype", "value"), [(np.float64, 1e308), (np.float32, 3e38)])
def test_energies_beyond_floating_point_are_refused(dtype, value):
    rbm = hm.RBM(Binary(np.zeros(3, dtype)), Binary(np.zeros(2, dtype)), np.full((3, 2), value, dtype))
    for method in ("exact", "estimate"):
        with pytest.raises(hm.InputError, match="scale the parameters down"):
            evaluate(rbm, np.ones((4, 3)), method=method, seconds=1)


@pytest.mark.parametrize("field", ["mean", "lower", "upper", "log_partition"])
def test_a_result_that_is_not_finite_is_no_result(field):
    given = {"mean": -1.0, "lower": -1.1, "upper": -0.9, "log_partition": 3.0}
    with pytest.raises(hm.InputError, match=f"its {field.replace('_', ' ')} is nan"):
        hm.LogLikelihood(**given | {field: np.nan}, method="exact", rows=2, seconds=1.0)


def test_exact_and_estimated_agree_on_what_is_asked():
    rbm = random_rbm(Binary, Binary, (12, 9), seed=11)
    rows = exact.sample(rbm, 100, seed=1)
    found = evaluate(rbm, rows, method="exact")
    assert found.lower == found.mean == found.upper == pytest.approx(exact.log_likelihood(rbm, rows).mean(), rel=1e-12)
    assert found.effective_sample_size is None
    assert evaluate(rbm, rows).method == found.method


@pytest.mark.slow
def test_an_interval_too_wide_is_called_so_and_a_conservative_figure_is_given():
    rbm = random_rbm(Binary, Binary, (200, 150), seed=1, scale=1.0)
    rows = hm.sample(rbm, 60, seed=2, method="gibbs", sweeps=200)
    found = evaluate(rbm, rows, method="estimate", runs=20, temperatures=64, steps=100, rungs=12)
    assert found.upper - found.lower > 1
    assert any("nats wide" in warning and "allow more seconds" in warning for warning in found.warnings)
    few = dataclasses.replace(found, effective_sample_size=1.5)
    assert any("only 1.5 of 20 runs carry the estimate" in warning for warning in few.warnings)
    assert found.details["raise_log_likelihood"] < found.upper


@pytest.mark.slow
@pytest.mark.parametrize("tilt", [0.02, -0.1])
def test_tempered_starts_find_both_modes(tilt):
    """Reverse runs from one mode alone would put ln Z off; with shares of 8 and 92 % the way there must not be a jump."""
    rbm = two_modes(tilt=tilt)
    found = bidirectional_ais(rbm, exact.sample(rbm, 50, seed=1), seconds=40, precision=0.2, runs=400)
    assert found.samples.converged
    assert found.lower <= exact.log_partition(rbm) <= found.upper
    share = (np.asarray(found.samples.v).mean(axis=1) > 0.5).mean()
    right = (exact.sample(rbm, 4000, seed=0).mean(axis=1) > 0.5).mean()
    assert abs(share - right) < 5 * np.sqrt(0.25 / 400 + 0.25 / 4000)


@pytest.mark.slow
def test_a_base_at_one_mode_of_two_raises_a_doubt_and_the_interval_still_holds():
    """Such a base leaves the other mode out of both directions; only the chains from noise know of it."""
    rbm = two_modes()
    rows = np.ones((50, 24))
    # Too short a time, whatever the model, for a ladder that goes down to infinite temperature.
    found = evaluate(rbm, rows, base_rate=Binary(np.full(24, 4.0)), method="estimate", seconds=2, runs=400)
    assert any("still remember their own start" in warning for warning in found.warnings)
    assert found.lower <= exact.log_likelihood(rbm, rows).mean() <= found.upper


@pytest.mark.slow
def test_the_conservative_figure_is_low_and_more_runs_tighten_it():
    rbm = random_rbm(Binary, Binary, (12, 9), seed=11, scale=1.5)
    rows = exact.sample(rbm, 200, seed=1)
    truth = exact.log_likelihood(rbm, rows)
    found = bidirectional_ais(rbm, rows, seconds=0.01)
    assert found.temperatures == 512
    single, many = (raise_bound(rbm, rows, found, runs=runs, seed=1) for runs in (1, 30))
    assert single.shape == (200,)
    assert single.mean() < many.mean() < truth.mean() + 3 * (many - truth).std() / np.sqrt(200)
    assert truth.mean() - many.mean() < 0.2


def test_other_rows_share_ln_z_and_not_what_was_said_of_these():
    rbm = random_rbm(Binary, Binary, (12, 9), seed=11)
    rows = exact.sample(rbm, 100, seed=1)
    found = evaluate(rbm, rows[:50], method="estimate", temperatures=512, steps=100, rungs=12)
    doubtful = dataclasses.replace(found, lower=found.lower - 2, details=found.details | {"raise_log_likelihood": -99.0})
    assert "-99" in doubtful.warnings[0]
    other = evaluate_with(doubtful, rbm, rows[50:])
    assert other.mean == pytest.approx(exact.log_likelihood(rbm, rows[50:], found.log_partition).mean())
    assert other.upper - other.lower == pytest.approx(doubtful.upper - doubtful.lower)
    assert len(other.warnings) == 1
    assert "nats wide" in other.warnings[0]
    assert "-99" not in other.warnings[0]


def ladder_state(sampler, rbm, steps=300):
    state = sampler.init(jax.random.key(0), jax.tree.map(jax.numpy.float32, rbm))
    step = jax.jit(lambda key, state: sampler.step(key, jax.tree.map(jax.numpy.float32, rbm), state)[0])
    for number in range(steps):
        state = step(jax.random.fold_in(jax.random.key(1), number), state)
    return state


@pytest.mark.parametrize("kind", ["tempering", "trajectory"])
@pytest.mark.slow
def test_bennett_between_the_rungs_contains_the_exact_value(kind):
    rbm = random_rbm(Binary, Binary, (12, 9), seed=11)
    bottom = model.independent(rbm.visible, rbm.hidden)
    middle = [model.interpolate(bottom, rbm, beta) for beta in (0.3, 0.6, 0.8)]
    sampler = (
        parallel_tempering(100, rungs=6) if kind == "tempering" else trajectory_tempering([bottom, *middle], 100, threshold=0)
    )
    state = ladder_state(sampler, rbm)
    found, moved = replica_log_partition(rbm, state, steps=100, seed=2)
    truth = exact.log_partition(rbm)
    assert found.lower <= truth <= found.upper
    assert found.upper - found.lower < 0.5
    assert int(moved.replicas.steps) == 400
    rises = np.diff([exact.log_partition(state.model_at(rbm)(i)) for i in range(int(state.in_use))])
    np.testing.assert_allclose(found.rises, rises, atol=0.15)
    rows = exact.sample(rbm, 100, seed=1)
    again, _ = replica_log_partition(rbm, moved, steps=100, seed=2)
    assert again.bar.value != found.bar.value  # going on with the same seed is not the same numbers
    report = replica_log_likelihood(rbm, rows, moved, steps=100)
    assert report.lower <= exact.log_likelihood(rbm, rows).mean() <= report.upper
    assert report.method.startswith("BAR between ")


@pytest.mark.slow
def test_the_errors_of_a_ladder_are_those_seen_when_it_is_run_again():
    """The stated interval against the scatter of 40 independent repetitions."""
    rbm = random_rbm(Binary, Binary, (8, 6), seed=5)
    sampler = parallel_tempering(20, rungs=4, adapt=0)
    state = ladder_state(sampler, rbm)
    truth = exact.log_partition(rbm)
    hits, values = 0, []
    for seed in range(40):
        found, state = replica_log_partition(rbm, state, steps=20, seed=seed)
        values.append(found.bar.value)
        hits += found.bar.lower <= truth <= found.bar.upper
    # Fewer than 30 of 40 at 95 % has a chance below 1e-6.
    assert hits >= 30
    half = (found.bar.upper - found.bar.lower) / 2
    assert 0.5 < half / (2 * np.std(values)) < 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (dict(runs=1), "runs must be a whole number of at least 20, but is 1"),
        (dict(seconds=0), "seconds must be a positive number, but is 0"),
        (dict(seconds=float("inf")), "seconds must be a positive number"),
        (dict(seconds=1e308), "seconds must be from 0.001 to 1e9"),
        (dict(precision=-1), "precision must be a positive number"),
        (dict(precision=1e-200), "precision must be from 1e-06 to 1e9"),
        (dict(seed=-1), "seed must be"),
        (dict(base_rate=Binary([0.0])), "base_rate must be 3 binary units"),
        (dict(base_rate=Spin([0.0, 0.0, 0.0])), "base_rate must be 3 binary units"),
        (dict(method="magic"), "method must be 'auto' or 'exact' or 'estimate'"),
        (dict(data=np.zeros((2, 4))), "data must have 3 columns"),
        (dict(data=np.full((2, 3), np.inf)), "data has inf"),
        (
            dict(rbm=hm.RBM(Binary([0.0] * 3), Binary([0.0] * 2), np.full((3, 2), np.inf))),
            "weights: every value must be a finite",
        ),
        (
            dict(rbm=hm.RBM(Binary([0.0] * 3), Binary([np.nan] * 2), np.zeros((3, 2)))),
            "hidden bias: every value must be a finite",
        ),
    ],
)
def test_bad_input_is_refused(change, complaint):
    given = dict(rbm=random_rbm(Binary, Binary, (3, 2)), data=np.zeros((2, 3)), method="estimate") | change
    with pytest.raises(hm.InputError, match=complaint):
        evaluate(given.pop("rbm"), given.pop("data"), **given)


@pytest.mark.slow
def test_other_rows_that_are_tempered_bring_their_own_error(monkeypatch):
    rbm = random_rbm(Binary, Binary, (6, 3), scale=2.0)
    rows = exact.sample(rbm, 20, seed=1)
    found = evaluate(rbm, rows)
    assert found.lower == found.upper
    holed = np.where(np.random.default_rng(0).random(rows.shape) < 0.5, np.nan, rows)
    truth = missing.posterior(rbm, holed).log_weight.mean() - found.log_partition
    monkeypatch.setattr(missing, "cheap_rows", lambda rbm, v, **_: np.zeros(len(v), bool))
    other, error = evaluate_with(found, rbm, holed), log_weights(rbm, holed).mean_error()
    assert error > 0
    assert found.method.startswith("exact")
    assert other.method.startswith("ln Z exact")
    assert "tempered chains of the missing cells" in other.method
    assert other.upper - other.lower == pytest.approx(2 * STANDARD_ERRORS * error)
    assert abs(other.mean - truth) < 5 * error  # a false alarm in 2 million


@pytest.mark.slow
def test_a_ladder_that_has_not_traveled_is_called_so():
    rbm = random_rbm(Binary, Binary, (30, 20), seed=5, scale=2.0)
    report = replica_log_likelihood(
        rbm, np.ones((3, 30)), ladder_state(parallel_tempering(20, rungs=2, adapt=0), rbm, 1), steps=5
    )
    assert any("nats wide" in warning for warning in report.warnings)
    assert any("have traveled from the bottom" in warning for warning in report.warnings)


@pytest.mark.slow
def test_a_ladder_with_weights_at_the_bottom_or_too_few_chains_is_refused():
    rbm = random_rbm(Binary, Binary, (4, 3))
    state = ladder_state(trajectory_tempering([rbm], 20, threshold=0), rbm, 1)
    with pytest.raises(hm.InputError, match="lowest rung must have no weights"):
        replica_log_partition(rbm, state)
    with pytest.raises(hm.InputError, match="its chains have other columns"):
        replica_log_partition(random_rbm(Binary, Binary, (5, 3)), state)
    with pytest.raises(hm.InputError, match="must be a state of parallel_tempering"):
        replica_log_partition(rbm, hm.gibbs(20).init(jax.random.key(0), jax.tree.map(np.float32, rbm)))
    with pytest.raises(hm.InputError, match="at least 10 ladders"):
        replica_log_partition(rbm, ladder_state(parallel_tempering(5), rbm, 1))


WEIGHTS = 0.8 * np.random.default_rng(5).standard_normal((6, 5))
KINDS = {
    "gaussian, binary": hm.RBM(
        hm.Gaussian(np.linspace(-1, 1, 6), np.linspace(0.7, 1.5, 6)), Binary(np.linspace(-1, 1, 5)), WEIGHTS
    ),
    "mixed, ragged": hm.RBM(
        hm.Mixed(
            (hm.ReLU([0.5, -0.5], [1.0, 1.3]), Spin([0.2, 0.1]), hm.DReLU([0.3, 1.0], [-0.2, -1.0], [1.0, 2.0], [1.5, 1.0]))
        ),
        hm.Categorical([0.3, 0.0, -0.2, 0.4, 0.0], (3, 2)),
        WEIGHTS,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gaussian, binary", "mixed, ragged"])
def test_the_bracket_of_other_kinds_contains_the_exact_value(name):
    rbm = KINDS[name]
    rows = exact.sample(rbm, 100, seed=1)
    found = bidirectional_ais(rbm, rows, seconds=20, precision=0.05, seed=3)
    assert found.lower <= exact.log_partition(rbm) <= found.upper
    assert found.upper - found.lower < 0.3
    assert found.samples.converged


@pytest.mark.slow
def test_the_bracket_of_two_gaussian_layers_contains_the_value_that_can_be_written_down():
    """ln Z = (b^T A^-1 b - ln det A + n ln 2 pi) / 2, with A the joint precision matrix."""
    visible, hidden = hm.Gaussian(np.linspace(-1, 1, 6), np.linspace(0.9, 1.5, 6)), hm.Gaussian(np.full(5, 0.3), np.ones(5))
    rbm = hm.RBM(visible, hidden, 0.3 * WEIGHTS)
    precision = np.block([[np.diag(visible.precision), -rbm.weights], [-rbm.weights.T, np.diag(hidden.precision)]])
    bias = np.concatenate([visible.bias, hidden.bias])
    truth = (bias @ np.linalg.solve(precision, bias) - np.linalg.slogdet(precision)[1] + len(bias) * np.log(2 * np.pi)) / 2
    found = bidirectional_ais(rbm, hm.sample(rbm, 100), seconds=20, precision=0.05, seed=3)
    assert found.lower <= truth <= found.upper
    assert found.upper - found.lower < 0.3
