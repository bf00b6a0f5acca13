"""Gibbs chains that hold the observed cells of rows and draw the missing ones, from p(v_m, h | v_o)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from harmonium import model
from harmonium.model import RBM
from harmonium.samplers.gibbs import sweep_many


def guess(key: Any, rbm: RBM, v: Any) -> Any:
    """Rows `[B, V]` with the missing cells (NaN) drawn given the mean of h under the observed ones alone: where to start."""
    inputs = model.visible_inputs(rbm, rbm.hidden.mean(model.hidden_inputs(rbm, jnp.nan_to_num(v))))
    return jnp.where(jnp.isnan(v), rbm.visible.sample(key, inputs), v)


def renewed(key: Any, rbm: RBM, v: Any, completed: Any, sweeps: int) -> Any:
    """`completed [B, V]`, the rows `v` with their missing cells filled, after `sweeps` Gibbs sweeps of those cells."""
    h_key, sweep_key = jax.random.split(key)
    h = rbm.hidden.sample(h_key, model.hidden_inputs(rbm, completed))
    return sweep_many(sweep_key, rbm, h, sweeps, clamp=v).v
