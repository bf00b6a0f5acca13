"""The search for deep modes: its bounds are bounds, it finds what no chain meets, and the bracket counts it."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from kinds import LAYERS, rbm_of

import harmonium as hm
from harmonium import exact
from harmonium.likelihood import evaluate
from harmonium.likelihood.modes import find_modes, find_parts, split_states
from harmonium.random import key_of


def hole(share: float, visible: int = 30, hidden: int = 10) -> tuple[hm.RBM, hm.RBM, np.ndarray]:
    """A model one of whose hidden units is on at one state alone, which has `share` of Z; the model without; that state."""
    random = np.random.default_rng(4)
    bias, weights = random.standard_normal(visible), 0.3 * random.standard_normal((visible, hidden - 1))
    rest = hm.RBM(hm.Binary(0.3 * bias), hm.Binary(0.3 * random.standard_normal(hidden - 1)), weights)
    at = random.integers(2, size=visible).astype(float)
    gain = exact.log_partition(rest) + np.log(share / (1 - share)) + float(hm.free_energy(rest, at[None])[0])
    fields = hm.Binary(np.append(rest.hidden.bias, gain - 6 * at.sum()))
    return hm.RBM(rest.visible, fields, np.column_stack([weights, 6 * (2 * at - 1)])), rest, at


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.5, 0.05])
def test_a_state_as_heavy_as_all_the_rest_is_found_and_counted(share):
    """Neither the rows nor tempered chains meet it: without the search the interval is 0.02 wide and off by -ln(1 - share)."""
    rbm, rest, at = hole(share)
    rows = exact.sample(rest, 100, seed=1)
    assert not (rows == at).all(axis=1).any()
    found = evaluate(rbm, rows, method="estimate", temperatures=512, steps=100, rungs=12)
    truth = exact.log_likelihood(rbm, rows).mean()
    assert found.lower <= truth <= found.upper
    assert found.upper - found.lower < 0.1
    assert found.details["unvisited_fraction"] == pytest.approx(share, abs=0.05)
    assert any("search found them and they are counted" in warning for warning in found.warnings)


def test_a_state_as_heavy_as_all_the_rest_is_found():
    """From random rows; its mass is a certain bound, and a chain that begins there shows that it is a part of its own."""
    rbm, rest, at = hole(0.5)
    random = np.random.default_rng(0)
    rows = random.integers(2, size=(100, 30)).astype(float)
    with jax.enable_x64(True):
        found = find_modes(key_of(0), rbm, rows)
        runs = np.full(100, exact.log_partition(rest))
        parts, inside = split_states(key_of(1), rbm, found, rows, rows, runs)
    assert found.certain >= exact.log_partition(rest) - 1e-9
    (part,) = parts
    np.testing.assert_array_equal(part.center, at)
    assert part.radius < np.abs(rows - at).sum(axis=1).min()
    assert (find_parts(rbm, parts, np.asarray(inside[0])) == 0).all()
    assert (find_parts(rbm, parts, rows) == -1).all()


def test_the_heaviest_of_many_rows_is_a_start_whatever_the_key():
    """Only ascent from that row meets the hole, and eight starts of 64 are rows."""
    rbm, rest, at = hole(0.9)
    rows = np.vstack([exact.sample(rest, 500, seed=1), at])
    with jax.enable_x64(True):
        for seed in range(3):
            assert find_modes(key_of(seed), rbm, rows, starts=64).certain > exact.log_partition(rest) + 2


@pytest.mark.slow
def test_a_base_at_the_rare_mode_of_two_leaves_nothing_open():
    """1 : 200, the rows all in the rare one: the path to the other begins where chains found it."""
    size, strength = 24, 3.0
    fields = hm.Binary(np.full(size, -3 * strength + np.log(200) / size)), hm.Binary(np.full(6, -strength * size / 2))
    rbm, rows = hm.RBM(*fields, np.full((size, 6), strength)), np.zeros((100, size))
    found = evaluate(rbm, rows, method="estimate", temperatures=1024, steps=300, rungs=12)
    assert found.lower <= exact.log_likelihood(rbm, rows).mean() <= found.upper
    assert found.upper - found.lower < 0.5


@pytest.mark.parametrize(
    ("visible", "hidden"),
    [*((kind, "binary") for kind in LAYERS), *(("binary", kind) for kind in LAYERS), ("gaussian", "gaussian")],
)
@pytest.mark.slow_except("binary-binary1", "gaussian-binary")
def test_the_certain_bound_is_one_for_every_kind(visible, hidden):
    rbm = rbm_of(visible, hidden)
    if not np.isfinite(exact.estimate_seconds(rbm)):
        pytest.skip("ln Z is not known")
    with jax.enable_x64(True):
        rows = np.asarray(rbm.visible.sample(jax.random.key(1), np.zeros((20, rbm.visible.size))))
        found = find_modes(key_of(0), jax.tree.map(np.asarray, rbm), rows)
    truth = exact.log_partition(rbm)
    assert found.certain <= truth + 1e-9
    assert found.certain > truth - 2
    assert (found.bound[:-1] >= found.bound[1:]).all()
    rbm.visible.check(found.v.astype(float), "modes")


@pytest.mark.slow
def test_chains_that_visit_all_modes_leave_nothing_to_add():
    rbm = rbm_of("mixed", "binary", scale=1.0)
    found = evaluate(rbm, hm.sample(rbm, 100, seed=1), method="estimate", temperatures=512, steps=100, rungs=12)
    assert found.details["unvisited_fraction"] < 0.01
    assert found.warnings == ()
