"""Hidden units that do nothing: dead, saturated, indifferent to the data, or the double of another.

Reference: G. Hinton, "A practical guide to training restricted Boltzmann machines", 2010, section 15 (looking at the hidden
probabilities of many rows).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import numpy as np
from jax import Array
from jaxtyping import Float

from harmonium import _checks, model
from harmonium._types import ArrayLike
from harmonium.diagnostics.verdict import Verdict, judge, names, single
from harmonium.model import RBM

RARE = 0.01
"""A unit is dead or saturated if it is in its higher state, or in its lower one, more rarely than this."""
SAME = 0.99
"""Two units are doubles if their activities are correlated more strongly than this."""
MAX_IDLE_FRACTION = 0.1
"""The fraction of idle units above which there is a warning."""
BLOCK_ROWS = 4096


@dataclass(frozen=True)
class HiddenUnits:
    """What the hidden units make of rows of data: `activity [n, H]` = E[h | v], and the columns that are idle.

    `dead`: nearly always in the lowest state. `saturated`: nearly always in the highest. `indifferent`: neither, but the same
    whatever the data. `doubles`: pairs whose activities are correlated above 0.99 (or below -0.99); the first stays.
    Columns count from 0.
    """

    activity: np.ndarray
    dead: list[int]
    saturated: list[int]
    indifferent: list[int]
    doubles: list[tuple[int, int]]

    @property
    def idle(self) -> list[int]:
        """All columns that could be left out."""
        return sorted({*self.dead, *self.saturated, *self.indifferent, *(second for _, second in self.doubles)})

    @property
    def verdict(self) -> Verdict:
        """How many units take part."""
        total = self.activity.shape[1]
        kinds = (("dead", self.dead), ("saturated", self.saturated), ("indifferent", self.indifferent))
        parts = [f"{len(columns)} {kind} ({names(columns)})" for kind, columns in kinds if columns]
        if self.doubles:
            parts.append(f"{len(self.doubles)} pairs of doubles ({names([second for _, second in self.doubles])})")
        figure = f"{total - len(self.idle)} of {total} take part" + "".join(f", {part}" for part in parts)
        too_many = len(self.idle) > MAX_IDLE_FRACTION * total
        return judge("hidden units", figure, "train with fewer hidden units, or at a lower rate" if too_many else None)


@np.errstate(over="ignore", invalid="ignore")
def hidden_units(rbm: RBM, data: ArrayLike) -> HiddenUnits:
    """Find the hidden units that do nothing on rows `data [n, V]`.

    Units without a lowest and a highest state (of a continuum) are only ever indifferent or doubles.

    Args:
        rbm: the model.
        data: rows `[n, V]`.

    Raises:
        InputError: as `spectrum`.
    """
    rows = model.check_rows(rbm, data, "data", 2)
    mean = partial(_activity, single(rbm))
    activity = np.concatenate([np.asarray(mean(rows[i : i + BLOCK_ROWS])) for i in range(0, len(rows), BLOCK_ROWS)])
    activity = _checks.finite_result(activity, "an activity").astype(np.float64)
    average, spread = activity.mean(axis=0), activity.std(axis=0)
    low, high = rbm.hidden.ranges
    bounded = np.isfinite(high - low)
    span = np.where(bounded, high - low, max(spread[~bounded].max(initial=0), 1e-300))
    dead = bounded & (average < low + RARE * span)
    saturated = bounded & (average > high - RARE * span)
    indifferent = ~dead & ~saturated & (spread < RARE * span)
    return HiddenUnits(
        activity=activity,
        dead=np.flatnonzero(dead).tolist(),
        saturated=np.flatnonzero(saturated).tolist(),
        indifferent=np.flatnonzero(indifferent).tolist(),
        doubles=_doubles(activity, ~(dead | saturated | indifferent)),
    )


@jax.jit
def _activity(rbm: RBM, v: Float[Array, "rows visible"]) -> Float[Array, "rows hidden"]:
    return model.hidden_mean(rbm, v.astype(rbm.weights.dtype))


def _doubles(activity: np.ndarray, live: np.ndarray) -> list[tuple[int, int]]:
    """Each column that follows an earlier one, with the first such."""
    columns = np.flatnonzero(live)
    if len(columns) < 2:
        return []
    same = np.triu(np.abs(np.corrcoef(activity[:, columns].T)) > SAME, k=1)
    return [(int(columns[np.argmax(same[:, j])]), int(columns[j])) for j in np.flatnonzero(same.any(axis=0))]
