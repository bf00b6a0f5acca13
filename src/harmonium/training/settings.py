"""Settings from the data's size: what `harmonium train DATA` uses where nothing is said.

Measured on MNIST (fixed binarization), nltcs, plants, mushrooms, adult and the digits; the runs are in
benchmarks/RESULTS.md. The settings are few on purpose: everything that did not pay was left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import optax

from harmonium import _checks, gradients
from harmonium import exact as enumeration
from harmonium.gradients import Estimator
from harmonium.model import RBM
from harmonium.training.penalties import l1 as l1_penalty

BATCH = CHAINS = 200
RATE = 0.3
L1 = 1e-4
WEIGHTS_A_ROW = 5.0
EXACT_RATE, EXACT_MOMENTUM = 0.2, 0.9
MOST_EXACT_ROWS = 10_000
TRANSCENDENTAL = 40
"""What a unit's mean and log normalizer cost in the plain sum, in multiplications. By halves an update is cheaper, but where
it costs some fifteen sampled ones those learn more (benchmarks/RESULTS.md), so the rule is left as it is."""
TIMES_AS_COSTLY = 10
COOLDOWN = 0.9
AVERAGE = 0.1


@dataclass(frozen=True)
class Settings:
    """How to train: what `train` and the optimizer are given.

    `estimator`: a name of `gradients.by_name`. `centered`: whether in centered variables. `rate`, `momentum`: of gradient
    ascent. `batch`, `chains`: rows and chains of an update. `l1`: strength of the penalty on the weights, 0 for none.
    `cooldown`, `average`: as in `train`.
    """

    estimator: str
    centered: bool
    rate: float
    momentum: float
    batch: int
    chains: int
    l1: float
    cooldown: float
    average: float

    def make_estimator(self) -> Estimator:
        """The estimator of the gradient."""
        made = gradients.by_name(self.estimator, _checks.integer(self.chains, "chains"))
        return gradients.centered(made) if self.centered else made

    def make_optimizer(self) -> optax.GradientTransformation:
        """Gradient ascent on the penalized log likelihood."""
        # No momentum rather than one of 0, which would keep an array as large as the weights for nothing.
        ascent = optax.sgd(_checks.positive(self.rate, "rate"), momentum=self.momentum or None)
        return optax.chain(l1_penalty(self.l1), ascent) if self.l1 else ascent


def settings_for(rows: int, rbm: RBM, estimator: str | None = None, parts: int = 1) -> Settings:
    """The settings that suit `rows` training rows and the machine's size.

    Args:
        estimator: if that is decided. parts: how many devices share the rows and chains of an update.

    * The estimator is the exact gradient where the smaller layer has so few states that an update costs no more than some
      ten updates of persistent chains, and otherwise pcd-1: what more sweeps or a ladder bring, more updates bring sooner.
      The exact gradient has no noise to average out, so it is followed with momentum.
    * An update takes 200 rows and 200 chains: smaller updates, more of them, learn faster from as many rows; below 200
      passing over the weights takes up too much of the time. The rate falls to zero in all but the
      first tenth of the run; the average over the last tenth of the updates removes what noise is left.
    * Several devices take that many rows and chains each, so that each has as much to do as one alone: what they bring is
      less noise in every update.
    * The penalty on |w| is 1e-4 where the machine has five weights a row or more, and less in proportion where it has fewer:
      there is little to overfit then.
    """
    exact = estimator == "exact" if estimator else _exact_is_cheap(rbm)
    rate, momentum, batch = (EXACT_RATE, EXACT_MOMENTUM, MOST_EXACT_ROWS) if exact else (RATE, 0.0, BATCH)
    penalty = L1 * min(1.0, rbm.weights.size / (WEIGHTS_A_ROW * rows))
    name = "exact" if exact else estimator or "pcd-1"
    # Shared evenly, which may leave out a few of the rows.
    batch = min(rows, batch) if exact else min(rows, parts * batch)
    batch = max(parts, batch // parts * parts)
    return Settings(name, True, rate, momentum, batch, parts * CHAINS, penalty, COOLDOWN, AVERAGE)


def _exact_is_cheap(rbm: RBM) -> bool:
    states = enumeration.enumerable_states(rbm)
    if states is None:
        return False
    smaller, larger = sorted(rbm.weights.shape)
    sampled = 10 * CHAINS * smaller * larger
    return states * larger * (4 * smaller + TRANSCENDENTAL) <= TIMES_AS_COSTLY * sampled
