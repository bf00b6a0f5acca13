"""What `harmonium train` chooses, the penalty, and where products may be rounded."""

from __future__ import annotations

import types
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from conftest import random_machine

import harmonium as hm
from harmonium import gradients
from harmonium.training import penalties, precision
from harmonium.training.settings import L1, settings_for
from harmonium.units import Binary, Spin


def zeros(visible, hidden):
    return hm.RBM(Binary.zeros(visible), Binary.zeros(hidden), np.zeros((visible, hidden)))


@pytest.mark.parametrize(
    ("shape", "rows", "estimator"),
    [((9, 8), 14, "exact"), ((16, 4), 16181, "exact"), ((16, 16), 16181, "pcd-1"), ((784, 500), 50_000, "pcd-1")],
)
def test_the_gradient_is_exact_where_that_is_cheap(shape, rows, estimator):
    assert settings_for(rows, zeros(*shape)).estimator == estimator


def test_what_is_asked_for_is_kept():
    assert settings_for(100, zeros(9, 4), "cd-2").estimator == "cd-2"
    assert settings_for(100, zeros(30, 14), "exact").estimator == "exact"


def test_few_rows_are_taken_all_at_once_and_few_weights_are_penalized_less():
    assert settings_for(14, zeros(30, 30)).batch == 14
    assert settings_for(50_000, zeros(784, 500)).l1 == L1
    assert settings_for(5_000, zeros(123, 23)).l1 == pytest.approx(L1 * 123 * 23 / 25_000)


@pytest.mark.parametrize("estimator", ["exact", "cd-1", "pcd-1", "pt-1", "ptt-1"])
@pytest.mark.slow_except("pcd-1", "exact")
def test_chosen_settings_train_every_estimator(estimator):
    rows = hm.data.load("bars-and-stripes:3x3").train
    rbm = hm.initialize(rows, 4)
    settings = settings_for(len(rows), rbm, estimator)
    made = settings.make_estimator()
    *_, state = hm.train(rbm, rows, made, settings.make_optimizer(), batch_size=settings.batch, updates=300)
    assert hm.exact.log_likelihood(state.rbm, rows).mean() > hm.exact.log_likelihood(rbm, rows).mean() + 0.1


def test_the_penalty_is_the_slope_of_the_sum_of_absolute_weights():
    rbm = random_machine(Binary, Binary, (4, 3))
    optimizer = optax.chain(penalties.l1(0.3), optax.sgd(1.0))
    nothing = jax.tree.map(np.zeros_like, rbm)
    step, _ = optimizer.update(nothing, optimizer.init(rbm), rbm)
    slope = jax.grad(lambda r: -0.3 * abs(r.weights).sum())(rbm)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), step, slope)


def test_a_penalty_shrinks_weights_that_the_data_does_not_need():
    """Independent columns: the exact gradient leaves only sampling noise in the weights, which the penalty removes."""
    rows = np.random.default_rng(0).integers(0, 2, size=(50, 6))
    sizes = []
    for strength in (None, 0.05):
        ascent = optax.sgd(0.2)
        optimizer = ascent if strength is None else optax.chain(penalties.l1(strength), ascent)
        rbm = hm.initialize(rows, 4, scale=0.3)
        *_, state = hm.train(rbm, rows, gradients.exact(), optimizer, updates=2000, cooldown=0.5)
        sizes.append(np.abs(state.rbm.weights).mean())
    assert sizes[1] < 0.01 < sizes[0]


def test_a_penalty_must_be_positive():
    with pytest.raises(hm.InputError, match="strength must be a positive number"):
        penalties.l1(0.0)


@pytest.mark.parametrize(
    ("device", "flags", "native"),
    [
        ({"platform": "cpu"}, "fpu avx2 amx_bf16", True),
        ({"platform": "cpu"}, "fpu avx512_bf16", True),
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

    monkeypatch.setattr(precision.Path, "read_text", read_text)
    assert precision.bfloat16_is_native(types.SimpleNamespace(**device)) is native


def test_centring_can_be_left_out():
    centered = settings_for(14, zeros(9, 4), "cd-1")
    rbm = jax.tree.map(jnp.float32, random_machine(Spin, Binary, (9, 4)))
    for settings, kind in ((centered, gradients.Centered), (replace(centered, centered=False), tuple)):
        assert type(settings.make_estimator().init(jax.random.key(0), rbm)) is kind
