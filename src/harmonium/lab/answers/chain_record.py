"""What an answer says of a chain's visits: frequencies and their errors, and how far they are from the table."""

from __future__ import annotations

from typing import Any

import numpy as np

from harmonium.lab.answers import chain_kernels as kernels
from harmonium.lab.answers.chain_law import Law, checkpoints, distance, distance_of_draws, states
from harmonium.model import RBM

RECENT = 240
"""How many of the latest configurations are told."""


def texts(units: int) -> list[str]:
    """The states of a layer as bits, by their numbers."""
    return [format(n, f"0{units}b") for n in range(1 << units)]


def upper(units: int) -> np.ndarray:
    """Which states of a layer have more than half of their units on, `[2^N]`."""
    return states(units).mean(axis=1) > 0.5


def visits_told(
    law: Law, counts: np.ndarray, visits: np.ndarray, before: int, crossings: int, exact_errors: bool
) -> dict[str, Any]:
    """The visits so far: `counts [rows]` made before and the `visits [n]` of this call.

    Args:
        before: v's number before these visits. crossings: made before, between the half of the visible states with most units
            on and the other. exact_errors: the chain is a Gibbs chain, whose errors are known.
    """
    rows, p, width = len(counts), law.probability, law.joint.shape[1]
    made = int(counts.sum())
    sides = upper(int(law.joint.shape[0]).bit_length() - 1)
    side = sides[np.concatenate([[before], visits // width])]
    told = checkpoints(made, made + len(visits))
    distances, seen = [], 0
    for n in told:
        counts = counts + np.bincount(visits[seen : n - made], minlength=rows)
        distances.append(distance(counts / n, p))
        seen = int(n) - made
    counts = counts + np.bincount(visits[seen:], minlength=rows)
    total = made + len(visits)
    found = counts / total if total else np.zeros_like(p)
    errors: tuple[Any, Any] = law.errors(total) if exact_errors and total else (None, None)
    return {
        "sweeps": total,
        "counts": counts,
        **compared(law, found, *errors),
        "upper": float(found.reshape(-1, width)[sides].sum()),
        "crossings": crossings + int((side[1:] != side[:-1]).sum()),
        "now": distance(found, p) if total else None,
        "expected": float(distance_of_draws(p, total)) if total else None,
        "distance": {"sweeps": told, "chain": distances, "draws": distance_of_draws(p, told)},
        "recent": visits[-RECENT:],
    }


def compared(law: Law, frequency: np.ndarray, error: np.ndarray | None, visible_error: np.ndarray | None) -> dict[str, Any]:
    """Frequencies `[rows]`, their standard errors and how many of these they are off by; `visible`: the same of v alone."""
    visible = frequency.reshape(law.joint.shape).sum(axis=1)
    return {
        "frequency": frequency,
        "error": error,
        "deviation": _deviation(frequency - law.probability, error),
        "visible": {
            "frequency": visible,
            "error": visible_error,
            "deviation": _deviation(visible - law.visible, visible_error),
        },
    }


def _deviation(difference: np.ndarray, error: np.ndarray | None) -> list[float | None] | None:
    if error is None:
        return None
    return [float(d / e) if e > 0 else None for d, e in zip(difference, error, strict=True)]


def coins(rbm: RBM, made: int, sender: int, toss: kernels.Toss) -> dict[str, Any]:
    """The coins of half-step number `made` with the total inputs S that weighted them, own bias included, not divided by T."""
    visible, hidden = rbm.visible.bias, rbm.hidden.bias
    own, weights = (visible, rbm.weights.T) if made % 2 else (hidden, rbm.weights)
    given = states(len(weights))[sender]
    return {
        "given": "".join(str(int(bit)) for bit in given),
        "input": own + given @ weights,
        "probability": toss.probability,
        "uniform": toss.uniform,
        "bits": (toss.uniform < toss.probability).astype(int),
    }
