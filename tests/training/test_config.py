"""The derived settings, their JSON, the penalty, and where products may be rounded."""

from __future__ import annotations

import contextlib
import json
import types
from dataclasses import fields, replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from conftest import random_rbm

import harmonium as hm
from harmonium import _numerics, gradients
from harmonium.training import TrainConfig, optimizer
from harmonium.training.config import L1
from harmonium.units import Binary, Spin


def zeros(visible, hidden):
    return hm.RBM(Binary.zeros(visible), Binary.zeros(hidden), np.zeros((visible, hidden)))


@pytest.mark.parametrize(
    ("shape", "rows", "estimator"),
    [((9, 8), 14, "exact"), ((16, 4), 16181, "exact"), ((16, 16), 16181, "pcd-1"), ((784, 500), 50_000, "pcd-1")],
)
def test_the_gradient_is_exact_where_that_is_cheap(shape, rows, estimator):
    assert TrainConfig.derive(rows, zeros(*shape)).estimator == estimator


def test_given_settings_are_used():
    assert TrainConfig.derive(100, zeros(9, 4), estimator="cd-2").estimator == "cd-2"
    assert TrainConfig.derive(100, zeros(30, 14), estimator="exact").estimator == "exact"


def test_few_rows_are_taken_all_at_once_and_few_weights_are_penalized_less():
    assert TrainConfig.derive(14, zeros(30, 30)).batch_size == 14
    assert TrainConfig.derive(50_000, zeros(784, 500)).l1 == L1
    assert TrainConfig.derive(5_000, zeros(123, 23)).l1 == pytest.approx(L1 * 123 * 23 / 25_000)


@pytest.mark.parametrize("estimator", ["exact", "cd-1", "pcd-1", "pt-1", "ptt-1"])
@pytest.mark.slow_except("pcd-1", "exact")
def test_chosen_settings_train_every_estimator(estimator):
    rows = hm.data.load("bars-and-stripes:3x3").train
    rbm = hm.initialize(rows, 4)
    *_, state = hm.train(rbm, rows, estimator=estimator, updates=2000)
    assert hm.exact.log_likelihood(state.rbm, rows).mean() > hm.exact.log_likelihood(rbm, rows).mean() + 0.1


def test_the_penalty_is_the_slope_of_the_sum_of_absolute_weights():
    rbm = random_rbm(Binary, Binary, (4, 3))
    penalized = optax.chain(optimizer.l1(0.3), optax.sgd(1.0))
    nothing = jax.tree.map(np.zeros_like, rbm)
    step, _ = penalized.update(nothing, penalized.init(rbm), rbm)
    slope = jax.grad(lambda r: -0.3 * abs(r.weights).sum())(rbm)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), step, slope)


def test_a_penalty_shrinks_weights_that_the_data_does_not_need():
    """Independent columns: the exact gradient leaves only sampling noise in the weights, which the penalty removes."""
    rows = np.random.default_rng(0).integers(0, 2, size=(50, 6))
    sizes = []
    for strength in (0.0, 0.05):
        rbm = hm.initialize(rows, 4, scale=0.3)
        *_, state = hm.train(rbm, rows, estimator="exact", l1=strength, momentum=0.0, updates=2000)
        sizes.append(np.abs(state.rbm.weights).mean())
    assert sizes[1] < 0.01 < sizes[0]


@pytest.mark.parametrize("centered", [True, False])
def test_a_penalty_leaves_the_means_of_units_as_they_are_in_the_data(centered):
    """The biases are free of it, so where ln p minus the penalty is largest, visible means are those of the data."""
    rows = np.random.default_rng(0).choice([[1, 1, 0, 1], [1, 0, 0, 0], [1, 0, 1, 1], [0, 1, 1, 1]], 100)
    given = {"estimator": "exact", "centered": centered, "l1": 0.02, "learning_rate": 0.5, "momentum": 0.9, "updates": 2000}
    *_, state = hm.train(hm.initialize(rows, 2, scale=0.5), rows, measure=False, **given)
    assert np.abs(state.rbm.weights).max() > 0.5
    np.testing.assert_allclose(hm.exact.moments(state.rbm).v, rows.mean(axis=0), atol=2e-3)


def test_a_penalty_must_be_positive():
    with pytest.raises(hm.InputError, match="strength must be a positive number"):
        optimizer.l1(0.0)


@pytest.mark.parametrize(
    ("device", "flags", "native"),
    [
        ({"platform": "cpu"}, "fpu avx2 amx_bf16", True),
        ({"platform": "cpu"}, "fpu avx512_bf16", False),
        ({"platform": "cpu"}, "fpu avx2 avx512f", False),
        ({"platform": "cpu"}, None, False),
        ({"platform": "gpu", "compute_capability": "9.0"}, "", True),
        ({"platform": "gpu", "compute_capability": "7.5"}, "", False),
        ({"platform": "gpu", "compute_capability": "gfx90a"}, "", False),
        ({"platform": "tpu"}, "", True),
        ({"platform": "other"}, "amx_bf16", False),
    ],
)
def test_where_products_are_rounded(device, flags, native, monkeypatch):
    def read_text(*_, **__):
        if flags is None:
            raise FileNotFoundError
        return f"processor\t: 0\nmodel name\t: x amx_bf16\nflags\t\t: {flags}\n"

    monkeypatch.setattr(_numerics.Path, "read_text", read_text)
    assert _numerics.bfloat16_is_native(types.SimpleNamespace(**device)) is native


def test_centering_can_be_left_out():
    centered = TrainConfig.derive(14, zeros(9, 4), estimator="cd-1")
    rbm = jax.tree.map(jnp.float32, random_rbm(Spin, Binary, (9, 4)))
    for settings, kind in ((centered, gradients.Centered), (replace(centered, centered=False), tuple)):
        assert type(settings.make_estimator().init(jax.random.key(0), rbm)) is kind


def test_settings_go_to_json_and_back():
    config = TrainConfig.derive(100, zeros(9, 4), updates=30, early_decay=(10, 20), learning_rate=0.125)
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert TrainConfig.derive(100, zeros(9, 4), estimator=gradients.cd(1)).to_dict()["estimator"] == "own"
    for values, words in (
        ({}, "estimator, centered, .* is missing"),
        (config.to_dict() | {"new": 1}, "there is no setting new"),
        (config.to_dict() | {"learning_rate": "fast"}, "learning_rate must be a positive number"),
        (config.to_dict() | {"estimator": "pcd-1"}, "chains must be a whole number"),
        ([], "must be a dict of settings by name"),
        (3, "must be a dict of settings by name"),
    ):
        with pytest.raises(hm.InputError, match=words):
            TrainConfig.from_dict(values)


@pytest.mark.parametrize(
    ("metrics", "settings"),
    [
        ({"step": 9.0, "total_updates": 9.0}, {"updates": 9}),
        ({"step": 9.0}, {"updates": 9, "final_decay": 0.0}),
        ({"step": 9.0, "total_updates": 20.0, "best_step": 5.0}, {"updates": 5, "total_updates": 20}),
        (
            {"step": 9.0, "total_updates": 9.0, "early_decay_first": 3.0, "early_decay_last": 9.0},
            {"updates": 9, "early_decay": (3, 9)},
        ),
        ({"step": 0.0}, None),
        ({"step": 9.0, "lr_reduction": 0.5}, None),
    ],
)
def test_what_a_clock_decided_can_be_repeated(metrics, settings):
    config = TrainConfig.derive(100, zeros(9, 4), held_out=True)
    expected = None if settings is None else replace(config, minutes=None, early_stopping=0.0, search="", **settings)
    assert config.repeat(metrics) == expected


def test_a_run_lasts_two_minutes_and_stops_early_where_rows_are_held_out():
    assert TrainConfig.derive(100, zeros(9, 4)).minutes == 2
    assert TrainConfig.derive(100_000, zeros(9, 4), held_out=True).minutes == 2
    assert TrainConfig.derive(100, zeros(9, 4), held_out=True).early_stopping == 1
    assert TrainConfig.derive(100, zeros(9, 4), held_out=True, updates=5).early_stopping == 1


def test_few_values_have_as_many_updates_whatever_the_clock_says():
    def updates(rows=1000, columns=30, hidden=20, **given):
        return TrainConfig.derive(rows, zeros(columns, hidden), **{"held_out": True} | given).updates

    assert updates(columns=10) > updates() > updates(incomplete=True) > 10_000
    assert updates(rows=500, columns=200) == updates(estimator="pt-10") == 10_000
    assert updates(hidden=30) is None, "ln Z takes too long to be exact"
    assert updates(rows=4000) is updates(held_out=False) is updates(minutes=1.0) is updates(early_stopping=0) is None
    assert updates(updates=7) == 7


def test_what_is_not_given_is_searched_where_rows_are_held_out():
    def searched(**given):
        return TrainConfig.derive(100, zeros(9, 4), held_out=True, **given).searched

    assert searched() == searched(updates=5) == ("learning_rate", "l1", "estimator", "mode_search")
    assert searched(learning_rate=0.1, estimator="pcd-1") == ("l1", "mode_search")
    assert searched(early_stopping=0) == searched(optimizer=optax.sgd(0.1)) == searched(updates=5, early_decay=(1, 5)) == ()
    assert TrainConfig.derive(100, zeros(9, 4)).searched == ()


def test_devices_take_as_many_rows_and_chains_each():
    config = TrainConfig.derive(1001, zeros(784, 500), devices=4)
    assert (config.batch_size, config.chains) == (800, 2000)
    assert TrainConfig.derive(30, zeros(784, 500), devices=4).batch_size == 28


def test_an_optimizer_of_your_own_is_not_decayed_unless_that_is_said():
    own = optax.sgd(optax.exponential_decay(0.1, 100, 0.9))
    config = TrainConfig.derive(100, zeros(9, 4), optimizer=own)
    assert (config.final_decay, config.learning_rate, config.momentum, config.l1) == (0.0, None, None, None)
    assert TrainConfig.derive(100, zeros(9, 4), optimizer=own, final_decay=0.5).final_decay == 0.5
    rows = hm.data.load("bars-and-stripes:3x3").train
    rbm = hm.initialize(rows, 2)
    moved = gradients.Estimator(lambda *_: (), lambda key, rbm, state, v: (jax.tree.map(jnp.ones_like, rbm), state, None))
    run = dict(estimator=moved, optimizer=optax.sgd(1.0), updates=7, average=0.0, measure=False)
    *_, state = hm.train(rbm, rows, **run)
    np.testing.assert_allclose(state.rbm.weights - rbm.weights, 7, rtol=1e-5)


OTHERS = {
    "estimator": ["exact", "cd-1", "cd-2", "pcd-1", "pcd-2", "pt-1", "ptt-1", hm.cd(3)],
    "centered": [True, False],
    "learning_rate": [0.01],
    "momentum": [0.3],
    "l1": [0.02],
    "chains": [7],
    "optimizer": [optax.sgd(0.1)],
}
"""The settings that an estimator and an optimizer are made of."""


@pytest.mark.parametrize("optimizer", [None, optax.adam(0.01)], ids=["by rate", "own"])
@pytest.mark.parametrize(
    "estimator",
    ["exact", "cd-1", "pcd-1", "pt-1", "ptt-1", hm.pcd(1)],
    ids=lambda value: value if isinstance(value, str) else "object",
)
def test_every_setting_has_an_effect_or_is_refused(estimator, optimizer):
    def parts(**changed):
        given = {"estimator": estimator, "optimizer": optimizer} | changed
        if isinstance(given["estimator"], str):
            given = {"bfloat16": False} | given
        config = TrainConfig.derive(20, zeros(9, 4), updates=5, **given)
        return config.make_estimator(), config.make_optimizer(), config.learning_rate, config.l1

    chosen = parts()
    for name, values in OTHERS.items():
        for value in values:
            if name == "centered" and value is isinstance(estimator, str):
                continue  # as it is
            if value in (estimator, optimizer):
                continue
            with contextlib.suppress(hm.InputError):
                assert parts(**{name: value}) != chosen, f"{name}={value} has no effect"


def test_every_setting_of_the_loop_has_an_effect():
    """The others are in the tests of early stopping."""
    rows = np.random.default_rng(0).integers(0, 2, size=(12, 4))
    rbm = hm.initialize(rows, 2)

    def reached(**changed):
        length = {} if changed.keys() & {"minutes", "epochs"} else {"updates": 12}
        settings = dict(estimator="cd-1", learning_rate=0.5, final_decay=0.5, bfloat16=False) | length | changed
        *_, state = hm.train(rbm, rows, measure=False, **settings)
        return state.rbm.weights

    chosen = reached()
    changes = dict(batch_size=5, final_decay=0.0, average=0.0, bfloat16=True, epochs=3.0, updates=9, total_updates=20)
    changes |= dict(early_decay=(2, 8), minutes=0.01)
    for name, value in changes.items():
        assert not np.array_equal(reached(**{name: value}), chosen), name
    others = {"early_stopping", "search", "refit", "mode_search"}
    assert changes.keys() | OTHERS.keys() | others == {field.name for field in fields(TrainConfig)}
