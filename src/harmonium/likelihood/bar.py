"""The Bennett acceptance ratio: ln Z_1 / Z_0 from log weights of both directions. In float64 on the host."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from harmonium._numerics import log_sum_exp
from harmonium.likelihood.log_weights import Estimate, LogWeights, bootstrap


def bar(forward: LogWeights, reverse: Float[np.ndarray, "reverse"], seed: int = 0) -> Estimate:
    """ln Z_1 / Z_0 by the Bennett acceptance ratio of both directions, with its bootstrap interval.

    With n_0 forward log weights f from p_0 and n_1 reverse ones r from p_1, it is the c that solves

        sum_i s(f_i - c - m) = sum_j s(r_j + c + m),    s(x) = 1 / (1 + exp(-x)),   m = ln n_0 / n_1,

    the estimate of least variance among those that weight both kinds of run.

    Args:
        forward: log weights with E[exp f] = Z_1 / Z_0.
        reverse: log weights with E[exp r] = Z_0 / Z_1.

    Reference: C. Bennett, J. Comput. Phys. 22 (1976); M. Shirts, E. Bair, G. Hooker and V. Pande, Phys. Rev. Lett. 91 (2003).
    """
    return bootstrap(lambda drawn: solve_bar(forward[drawn[0]], reverse[drawn[1]]), [len(forward), len(reverse)], seed)


def solve_bar(
    forward: Float[np.ndarray, "*samples runs"], reverse: Float[np.ndarray, "*samples reverse"]
) -> Float[np.ndarray, "*samples"]:
    """The solution c of `bar`, by bisection along the last axis."""
    offset = np.log(forward.shape[-1] / reverse.shape[-1])
    low = np.minimum(forward.min(axis=-1), -reverse.max(axis=-1)) - abs(offset) - 1
    high = np.maximum(forward.max(axis=-1), -reverse.min(axis=-1)) + abs(offset) + 1
    # The left side falls with c, the right side rises; in logs, because without overlap both underflow.
    for _ in range(50):
        middle = (low + high) / 2
        left = log_sum_exp(-np.logaddexp(0, middle[..., None] + offset - forward))
        right = log_sum_exp(-np.logaddexp(0, -reverse - middle[..., None] - offset))
        low, high = np.where(left > right, middle, low), np.where(left > right, high, middle)
    return (low + high) / 2
