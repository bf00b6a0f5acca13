"""The distribution of a small model, straight from its energies."""

from __future__ import annotations

import numpy as np

import harmonium as hm
from harmonium import exact


def brute_force(rbm):
    """Every joint probability, `[states of v, states of h]`, straight from the energies."""
    v, h = exact.all_states(rbm.visible), exact.all_states(rbm.hidden)
    energies = hm.energy(rbm, v[:, None], h[None])
    log_z = np.logaddexp.reduce(-energies, axis=None)
    return v, h, np.exp(-energies - log_z), log_z
