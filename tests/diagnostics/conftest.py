"""Chains that mix and chains that do not, for all diagnostics."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import random_rbm

import harmonium as hm
from harmonium import diagnostics, exact
from harmonium.units import Binary

N = 16


def two_modes(kind: type = Binary) -> hm.RBM:
    """All off and all on, equally probable; between them lies what a Gibbs chain needs some 10^6 sweeps to cross."""
    binary = hm.RBM(hm.Binary(np.full(N, -3.0)), hm.Binary([-3.0 * N]), np.full((N, 1), 6.0))
    if kind is Binary:
        return binary
    return hm.RBM(hm.Spin(np.zeros(N)), hm.Spin(np.zeros(1)), np.full((N, 1), 1.5))


@pytest.fixture(scope="session")
def quick():
    """A model that mixes within a few sweeps, exact draws of it, and its diagnoses."""
    rbm = random_rbm(Binary, Binary, (6, 4), seed=3, scale=0.7)
    data = exact.sample(rbm, 400, seed=5)
    return rbm, data, diagnostics.relaxation(rbm, data, chains=100, sweeps=300, seed=1)


@pytest.fixture(scope="session")
def stuck():
    """A model that Gibbs sampling cannot cross, with data from the mode where noise does not begin."""
    rbm = two_modes()
    return rbm, diagnostics.relaxation(rbm, np.ones((5, N)), chains=50, sweeps=100)
