"""Gray levels of which every update draws its states anew: in their proportions, and by seed and update number alone."""

from __future__ import annotations

import contextlib
import sys

import jax
import numpy as np
import pytest
from scipy import sparse
from statistics_of_tests import largest_z, z_limit

import harmonium as hm
from harmonium.data import resampled
from harmonium.gray_levels import draw
from harmonium.io import Streamed
from harmonium.training import batches
from harmonium.training.batches import Batches

GRAY = np.random.default_rng(0).integers(0, 256, (24, 6), dtype=np.uint8)
GRAY[0, :2] = 0, 255
P = GRAY / 255
SETTINGS = {"estimator": "pcd-1", "batch_size": 6, "chains": 10, "updates": 30, "updates_between_states": 10}


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def of_updates(data, count, size=24):
    """The rows of the first updates, `[count, size, 6]`."""
    layer, supply = hm.Binary.zeros(6), Batches(data, hm.Binary.zeros(6), size, 3)
    with contextlib.closing(supply):
        window, *_ = supply.window_of(0)
        keys = [jax.random.fold_in(jax.random.key(0), update) for update in range(count)]
        return np.stack([batches.rows_at(window, place, np.float32, key, layer) for place, key in enumerate(keys)])


@pytest.mark.parametrize(("units", "low"), [(hm.Binary, 0), (hm.Spin, -1)])
def test_states_are_drawn_in_the_proportions_of_the_gray_levels(units, low):
    """False alarms: 1e-6 in all, by Bonferroni over the cells.

    10,000 draws see a probability that is wrong by 0.05: more than 6 standard errors of at most 0.005 for the alarm, and 3 more
    so that it is missed with a chance of at most 1e-3.
    """
    levels, layer = np.tile(GRAY, (2500, 1, 1)).astype(np.float32), units.zeros(6)
    drawn = np.concatenate([draw(jax.random.key(i), layer, levels, np.float32(255)) for i in range(4)])
    once = resampled(np.tile(GRAY, (10_000, 1))).draw_once(layer, 10**6, 0).reshape(10_000, 24, 6)
    gray = (GRAY > 20) & (GRAY < 235)
    for states in (drawn, once):
        assert set(np.unique(states)) == {low, 1}
        upper = (states - low) / (1 - low)
        assert largest_z(upper, P) < z_limit(P.size)
        assert largest_z(upper[:, gray], P[gray] - 0.05) > z_limit(P.size)


def test_every_update_draws_its_rows_anew():
    """Two updates agree in as many cells as independent draws do. False alarms: 1e-6."""
    rows = of_updates(resampled(GRAY), 200)
    agree = P**2 + (1 - P) ** 2
    deviation = ((rows[0::2] == rows[1::2]) - agree).sum() / np.sqrt(100 * (agree * (1 - agree)).sum())
    assert abs(deviation) < z_limit(1)
    # Black and white cells of shuffled rows show that each row is drawn from its own levels.
    sharp = np.where(GRAY < 128, 0, 255).astype(np.uint8)
    sharp[0, 5] = 100
    order = of_updates((sharp > 0).astype(np.int8), 4, 6)
    assert (of_updates(resampled(sharp), 4, 6)[..., :5] == order[..., :5]).all()


@pytest.mark.parametrize("form", ["float64", "integers", "bytes on disk", "floats on disk", "sparse"])
def test_one_distribution_in_several_forms(form, tmp_path):
    if form.endswith("disk"):
        np.save(tmp_path / "gray.npy", GRAY if form == "bytes on disk" else P)
        data = resampled(np.load(tmp_path / "gray.npy", mmap_mode="r"))
        assert isinstance(data.levels, Streamed)
    else:
        data = resampled({"float64": P, "integers": GRAY.astype(int), "sparse": sparse.csr_array(GRAY)}[form])
        assert form == "sparse" or data.levels.dtype == np.uint8  # which take a quarter of the memory
    np.testing.assert_array_equal(of_updates(data, 3, size=8), of_updates(resampled(GRAY), 3, size=8))
    visible = hm.initialize(data, 3).visible
    np.testing.assert_allclose(visible.mean(np.zeros(6)), (P.sum(axis=0) + 0.5) / 25, rtol=1e-5)


def states_of(data, **more):
    return list(hm.train(hm.initialize(data, 3), data, **SETTINGS | more))


def test_runs_repeat_and_resume_bit_for_bit(tmp_path):
    data = resampled(GRAY)
    *_, half, last = states_of(data, valid=data)
    np.save(tmp_path / "gray.npy", GRAY)
    from_disk = states_of(resampled(np.load(tmp_path / "gray.npy", mmap_mode="r")), valid=data)[-1]
    assert 0 < half.step < last.step
    assert same(last.rbm, from_disk.rbm)
    assert "valid_log_likelihood" in last.metrics
    rest = list(hm.train(hm.initialize(data, 3), data, **SETTINGS, valid=data, resume=half.checkpoint))
    assert same(last.iterate, rest[-1].iterate)
    assert same(last.estimator, rest[-1].estimator)
    assert not same(last.iterate, states_of(data, seed=1)[-1].iterate)
    with pytest.raises(hm.InputError, match="the run began with resampled True, but False is given"):
        hm.train(hm.initialize(data, 3), (GRAY > 100).astype(int), **SETTINGS, valid=data, resume=half.checkpoint)


@pytest.mark.parametrize("estimator", ["exact", "cd-1"])
def test_training_on_gray_levels_finds_the_maximum_for_their_expected_states(estimator):
    """Of independent units p(v_i = 1) is the mean gray level."""
    data = resampled(GRAY)
    rbm = hm.RBM(hm.Binary.zeros(6), hm.Binary.zeros(1), np.zeros((6, 1)))
    settings = {"estimator": estimator, "updates": 400, "batch_size": 24, "average": 0.5, "l1": 0.0, "learning_rate": 0.5}
    trained = hm.fit(rbm, data, **settings, momentum=0.0, centered=True)
    np.testing.assert_allclose(hm.exact.moments(trained).v, P.mean(axis=0), atol=0.04)


def test_weights_count_as_of_other_rows():
    """Rows of weight zero are as if they were not there."""
    weights = np.repeat([1.0, 0.0], 12)
    some = resampled(GRAY[:12])
    of_some = hm.fit(hm.initialize(some, 3), some, **SETTINGS)
    data = resampled(GRAY)
    assert same(of_some, hm.fit(hm.initialize(data, 3, weights=weights), data, weights=weights, **SETTINGS))


@pytest.mark.parametrize(
    ("gray", "message"),
    [
        ([[0, 1], [1, 0]], "zeros and ones only: to draw them anew has no effect"),
        (
            [[0.5, 1.5]],
            "from 0 to 1, or whole numbers from 0 to 255 .* but runs from 0.5 to 1.5",
        ),
        ([[0, 16]], "divide by the largest level"),
        ([[-0.1, 0.5]], "from 0 to 1"),
        ([[0, 300]], "from 0 to 1"),
        ([[0.5, 200.5]], "from 0 to 1"),
        ([[0.5, np.nan]], r"no missing cells \(NaN\)"),
        ([0.5], r"must have shape \[n, V\]"),
        ([["a"]], "must hold real numbers"),
    ],
)
def test_what_is_no_gray_level_is_refused(gray, message):
    with pytest.raises(hm.InputError, match=message):
        resampled(np.array(gray))


def test_levels_out_of_range_are_found_when_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr("harmonium.gray_levels.MAX_CHECKED_ROWS", 3)
    monkeypatch.setattr(sys.modules["harmonium.training.initialize"], "MAX_ROWS_FOR_BASE_RATE", 3)
    monkeypatch.setattr(sys.modules["harmonium.training.train"], "MAX_ROWS", 3)
    rows = P.copy()
    rows[4, 2] = 3
    np.save(tmp_path / "gray.npy", rows)
    data = resampled(np.load(tmp_path / "gray.npy", mmap_mode="r"))
    with pytest.raises(hm.InputError, match="from 0 to 1"):
        states_of(data)


def test_units_of_more_states_are_refused():
    data = resampled(GRAY)
    with pytest.raises(hm.InputError, match="binary units or spins, but the visible units are gaussian"):
        hm.initialize(data, 3, hm.Gaussian)
    with pytest.raises(hm.InputError, match="but the visible units are gaussian"):
        hm.fit(hm.RBM(hm.Gaussian.zeros(6), hm.Binary.zeros(2), np.zeros((6, 2))), data, updates=1)
    with pytest.raises(hm.InputError, match="must have 5 columns, one for each visible unit, but have 6"):
        hm.fit(hm.RBM(hm.Binary.zeros(5), hm.Binary.zeros(2), np.zeros((5, 2))), data, updates=1)
