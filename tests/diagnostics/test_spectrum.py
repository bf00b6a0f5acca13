"""The spectrum: planted components, and noise that has none."""

from __future__ import annotations

import numpy as np
from scipy import stats
from statistics_of_tests import FALSE_ALARM

import harmonium as hm
from harmonium import diagnostics


def planted(n: int, random: np.random.Generator) -> np.ndarray:
    """Rows of 20 columns: ten follow one bit, ten another, each column with a tenth of its bits flipped."""
    bits = np.repeat(random.integers(0, 2, (n, 2)), 10, axis=1)
    return (bits ^ (random.random((n, 20)) < 0.1)).astype(float)


def test_a_planted_spectrum():
    random = np.random.default_rng(0)
    data = planted(500, random)
    blocks = np.kron(np.eye(2), np.ones((10, 1))) / np.sqrt(10)
    weights = (blocks * [9.0, 6.0]) @ np.linalg.qr(random.standard_normal((5, 2)))[0].T
    rbm = hm.RBM(hm.Binary(np.zeros(20)), hm.Binary(np.zeros(5)), weights + 0.001 * random.standard_normal((20, 5)))
    found = diagnostics.spectrum(rbm, data)
    np.testing.assert_allclose(found.weights[:2], [9, 6], atol=0.01)
    assert (found.amplifying, found.learned, found.in_data) == (4, 2, 2)
    np.testing.assert_allclose(found.data, np.sqrt(np.linalg.eigvalsh(np.cov(data.T, bias=True))[::-1]), atol=1e-9)
    assert found.alignment.min() > 0.95
    assert found.chance == 0.1
    assert found.verdict.ok
    untrained = diagnostics.spectrum(hm.RBM(rbm.visible, rbm.hidden, 0.01 * weights), data)
    assert untrained.learned == 0
    assert "nothing beyond independent units" in untrained.verdict.sentence


def test_independent_columns_seldom_seem_to_have_components():
    random = np.random.default_rng(1)
    rbm = hm.RBM(hm.Spin(np.zeros(12)), hm.Spin(np.zeros(2)), np.zeros((12, 2)))
    assert diagnostics.spectrum(rbm, np.ones((5, 12))).in_data == 0
    found = [diagnostics.spectrum(rbm, random.choice([-1, 1], (100, 12))).in_data > 0 for _ in range(300)]
    assert stats.binomtest(sum(found), 300, 0.02, alternative="greater").pvalue > FALSE_ALARM
