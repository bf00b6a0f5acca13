"""What the tests of gradients have in common: small models of both kinds of unit, their rows, and float64."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import jax
import numpy as np
import pytest

import harmonium as hm
from harmonium import exact, gradients
from harmonium.units import Binary, Spin

each_pair = pytest.mark.parametrize(("visible", "hidden"), list(itertools.product((Binary, Spin), repeat=2)))


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    """For every test of a module that imports it."""
    with jax.enable_x64(True):
        yield


def data_for(rbm: hm.RBM, n: int = 6) -> np.ndarray:
    states = exact.all_states(rbm.visible)
    return states[np.random.default_rng(0).integers(len(states), size=n)]


def exact_gradient(rbm: hm.RBM, v: np.ndarray) -> hm.RBM:
    return gradients.exact().gradient(None, rbm, (), v)[0]
