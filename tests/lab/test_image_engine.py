"""The engine of chapter 6 beside the library: the digits, sampling, training, ln Z."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

import harmonium as hm
from harmonium import exact
from tests.lab import node

PRELUDE = """
import { createRbm } from "lab/engine/rbm.js";
import { Gibbs, BitProducts, bitOf } from "lab/engine/bits.js";
import { keyOf, derive } from "lab/engine/random.js";
import { logPartition } from "lab/engine/table.js";
const rbmOf = ({ V, H, theta }) => createRbm(V, H, Float64Array.from(theta));
"""


def given(rbm: hm.RBM) -> dict:
    parts = (rbm.weights, rbm.visible.bias, rbm.hidden.bias)
    return {"V": rbm.visible.size, "H": rbm.hidden.size, "theta": [float(x) for part in parts for x in np.ravel(part)]}


def machine(visible: int, hidden: int, scale: float = 1.0, seed: int = 0) -> hm.RBM:
    draw = np.random.default_rng(seed)
    a, b, weights = (scale * draw.normal(size=shape) for shape in (visible, hidden, (visible, hidden)))
    return hm.RBM(hm.Binary(a), hm.Binary(b), weights)


def test_the_digits_are_the_librarys():
    found = node.run(
        'import { digits } from "lab/engine/digits.js"; answer(Object.entries(digits()).map(([p, r]) => [p, [...r]]));'
    )
    data = hm.data.load("digits")
    for part, rows in found:
        np.testing.assert_array_equal(np.reshape(rows, (-1, 64)), getattr(data, part), part)


# Sizes with every remainder of the groups of bits, in small tables and in large ones.
@pytest.mark.parametrize("size", [(1, 1), (6, 7), (13, 5), (64, 20), (301, 250)])
def test_sums_and_products_of_bits_are_matrix_products(size):
    rbm = machine(*size)
    draw = np.random.default_rng(1)
    v, h = (draw.integers(0, 2, (9, n)) for n in size)
    values = draw.normal(size=(9, size[1]))
    script = """
    const gibbs = new Gibbs(rbmOf(given.rbm));
    const [v, h] = [Uint8Array.from(given.v), Uint8Array.from(given.h)];
    const products = new BitProducts(given.rbm.V, given.rbm.H);
    const out = new Float64Array(given.rbm.V * given.rbm.H);
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 9; n++) products.add(v, n * given.rbm.V, Float64Array.from(given.values[n]));
      products.take(out);
    }
    answer([gibbs.hiddenInputs(v), gibbs.visibleInputs(h), gibbs.freeEnergies(v), out].map((x) => [...x]));
    """
    found = node.run(
        PRELUDE + script, {"rbm": given(rbm), "v": v.ravel().tolist(), "h": h.ravel().tolist(), "values": values.tolist()}
    )
    expected = (v @ rbm.weights + rbm.hidden.bias, h @ rbm.weights.T + rbm.visible.bias, hm.free_energy(rbm, v), v.T @ values)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, np.ravel(other), rtol=1e-12, atol=1e-12)


def test_a_coin_falls_as_the_sigmoid_says():
    script = """
    const sigmoid = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
    const near = (s) => [s * (1 - 1e-12), s * (1 + 1e-12), s - 1e-3, s + 1e-3, 0, 0.5];
    const xs = [];
    for (let x = -40; x < 40; x += 0.0137) xs.push(x);
    xs.push(-16, 16, 16.1, 0, -0, 1 / 32, -1000, 1000, Infinity, -Infinity);
    answer(xs.every((x) => near(sigmoid(x)).every((u) => bitOf(u, x) === (u < sigmoid(x) ? 1 : 0))));
    """
    assert node.run(PRELUDE + script)


@pytest.mark.parametrize("size", [(64, 20), (20, 70), (2, 9), (1, 3), (9, 1), (11, 12)])
@pytest.mark.parametrize("scale", [0.3, 3.0, 200.0])
def test_ln_z_is_the_librarys(size, scale):
    rbm = machine(*size, scale)
    found = node.run(PRELUDE + "answer(logPartition(rbmOf(given)));", given(rbm))
    assert found == pytest.approx(exact.log_partition(rbm), rel=1e-12)


def test_chains_stay_exact_and_keep_what_is_clamped():
    """Each state of v as often as its probability says after sweeps from exact draws, and again with v_2 clamped."""
    rbm, count = machine(5, 3, seed=3), 40_000
    states = exact.all_states(rbm.visible)
    p = np.exp(exact.log_likelihood(rbm, states))
    drawn = states[np.random.default_rng(0).choice(len(states), count, p=p / p.sum())]
    script = """
    const gibbs = new Gibbs(rbmOf(given.rbm));
    answer([null, Uint8Array.from([1, 1, 0, 1, 1])].map((free, run) => {
      const v = Uint8Array.from(given.v);
      if (free) for (let k = 2; k < v.length; k += 5) v[k] = 1;
      const h = new Uint8Array((v.length / 5) * 3);
      for (let n = 0; n < given.sweeps[run]; n++) {
        gibbs.sampleHidden(v, h, derive(keyOf(run), 2 * n));
        gibbs.sampleVisible(h, v, derive(keyOf(run), 2 * n + 1), free ?? undefined);
      }
      const counts = new Array(32).fill(0);
      for (let row = 0; row < v.length; row += 5) counts[parseInt(v.subarray(row, row + 5).join(""), 2)]++;
      return counts;
    }));
    """
    free, clamped = node.run(PRELUDE + script, {"rbm": given(rbm), "v": drawn.astype(int).ravel().tolist(), "sweeps": [3, 300]})
    given_one = np.where(states[:, 2] == 1, p, 0)
    for counts, law in ((free, p / p.sum()), (clamped, given_one / given_one.sum())):
        # 64 two-sided tests: a false alarm in 10^4 runs.
        tail = 1e-4 / 128
        low, high = binom.ppf(tail, count, law), binom.ppf(1 - tail, count, law)
        assert ((np.array(counts) >= low) & (np.array(counts) <= high)).all()
        assert np.array(counts)[law == 0].sum() == 0
