"""Which columns of numbers stay real because others say more of them than bins do."""

from __future__ import annotations

import numpy as np

from harmonium.tabular.dependence import choose_binned


def test_a_column_that_others_tell_of_is_not_binned():
    random = np.random.default_rng(5)
    skewed = random.exponential(size=(500, 1))
    x = np.concatenate([skewed, skewed + 0.05 * random.standard_normal((500, 1)), random.exponential(size=(500, 1))], axis=1)
    assert choose_binned(x, {0: 0.5, 1: 0.5, 2: 0.5}) == {2}
