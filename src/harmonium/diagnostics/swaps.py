"""Swap rates: does parallel tempering travel its ladder, and does it find what plain Gibbs sampling does not?

Where all neighbors on a ladder of temperatures exchange their states often enough, and states go from the bottom to the top
and back, the top forgets its start even if its own Gibbs chains cannot. Its means then test theirs.

Reference: H. Katzgraber, S. Trebst, D. Huse and M. Troyer, "Feedback-optimized parallel tempering Monte Carlo", J. Stat. Mech.
(2006) P03018 (round trips as the measure of a ladder).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from harmonium import _checks, model
from harmonium._types import Array, Key
from harmonium.diagnostics.chain_groups import ChainComparison, compare_chains
from harmonium.diagnostics.mixing import second_half
from harmonium.diagnostics.relaxation import STARTS, Directions, Relaxation, directions, project, quantities
from harmonium.diagnostics.verdict import Verdict, judge, single
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers import Tempered, parallel_tempering

SMALL_RATE = 0.1
"""Below this rate of exchange a pair of neighbors is a bottleneck."""
MIN_RUNGS, MAX_RUNGS, TARGET_RATE, TRIAL_STEPS = 12, 48, 0.2, 60


@dataclass(frozen=True)
class Swaps:
    """The course of parallel tempering: R rungs, C ladders.

    `betas [R]`, `acceptance [R - 1]` between neighbors, `round_trips` of all ladders together in `steps` steps, and
    `values [C, steps, 1 + K]`: free energy and components at the top, as a `Relaxation` has them.
    """

    betas: np.ndarray
    acceptance: np.ndarray
    round_trips: int
    steps: int
    values: np.ndarray

    @property
    def travels(self) -> bool:
        """Whether the ladder can be trusted: no bottleneck, and a round trip for each ladder."""
        return bool(self.acceptance.min() >= SMALL_RATE and self.round_trips >= len(self.values))

    @property
    def verdict(self) -> Verdict:
        """Whether states travel the ladder."""
        figures = (
            f"{len(self.betas)} rungs exchange with probability {self.acceptance.min():.2f} to {self.acceptance.max():.2f}; "
            f"{self.round_trips:,} round trips of {len(self.values):,} ladders in {self.steps:,} steps"
        )
        remedy = "too few to trust the ladder; add rungs, or make more steps"
        return judge("tempering", figures, None if self.travels else remedy)


def swaps(rbm: RBM, chains: int = 100, steps: int = 400, rungs: int | None = None, seed: int = 0) -> Swaps:
    """Run parallel tempering at temperatures from infinity (beta 0) to 1.

    Args:
        rbm: the model.
        chains: ladders.
        steps: of one sweep of every rung and an exchange between every second pair.
        rungs: by default as many, from 12 to 48, as give neighbors a mean rate of exchange of 0.2.
        seed: of all random numbers.

    Raises:
        InputError: a malformed model, or a number out of range.
    """
    rbm = single(model.validate(rbm))
    chains, steps = _checks.integer(chains, "chains", 2), _checks.integer(steps, "steps", 2)
    # From infinite temperature: a bottom rung fitted to the data would favor the modes that the data show.
    key = key_of(seed)
    along = directions(rbm)
    if rungs is None:
        rungs = MIN_RUNGS
        while rungs < MAX_RUNGS:
            trial, _ = _run(key, rbm, along, chains=min(chains, 20), rungs=rungs, steps=TRIAL_STEPS)
            if float(jnp.mean(trial.acceptance)) >= TARGET_RATE:
                break
            rungs *= 2
    state, values = _run(key, rbm, along, chains=chains, rungs=_checks.integer(rungs, "rungs", 2), steps=steps)
    return Swaps(
        np.asarray(state.betas),
        np.asarray(state.acceptance),
        int(state.round_trips),
        steps,
        _checks.finite_result(np.moveaxis(np.asarray(values), 0, 1), "the free energy of a chain"),
    )


@partial(jax.jit, static_argnames=("chains", "rungs", "steps"))
def _run(
    key: Key, rbm: RBM, along: Directions, *, chains: int, rungs: int, steps: int
) -> tuple[Tempered, Float[Array, "steps chains quantities"]]:
    sampler = parallel_tempering(chains, rungs)
    init_key, step_key = jax.random.split(key)

    def step(state: Tempered, i: Array) -> tuple[Tempered, Array]:
        state, samples = sampler.step(jax.random.fold_in(step_key, i), rbm, state)
        return state, project(rbm, samples.v, samples.hidden_inputs, along)

    return jax.lax.scan(step, sampler.init(init_key, rbm), jnp.arange(steps))


def compare_with_gibbs(swaps: Swaps, relaxation: Relaxation) -> list[ChainComparison]:
    """The second halves of Gibbs chains from noise [0] and from data [1], minus those of tempering.

    Args:
        swaps: the course of `swaps`.
        relaxation: the chains of `relaxation`.

    Raises:
        InputError: as `agreement`.
    """
    _checks.instance(swaps, Swaps, "swaps")
    tempered, names = swaps.values[:, swaps.steps // 2 :], quantities(swaps.values.shape[-1] - 1)
    return [compare_chains(chains, tempered, names) for chains in second_half(relaxation)]


def agreement(swaps: Swaps, relaxation: Relaxation) -> Verdict:
    """Whether tempering finds what Gibbs chains do not.

    Args:
        swaps: the course of `swaps`.
        relaxation: the chains of `relaxation`.

    Raises:
        InputError: an argument of another type, or fewer than 2 chains or ladders.
    """
    name = "Gibbs against tempering"
    if not _checks.instance(swaps, Swaps, "swaps").travels:
        return Verdict(name, False, "unknown: states travel the ladder of temperatures too rarely for a comparison")
    comparisons = dict(zip(STARTS, compare_with_gibbs(swaps, relaxation), strict=True))
    missed = [f"from {start} in {comparison.largest()}" for start, comparison in comparisons.items() if comparison.differ.any()]
    if missed:
        figures = f"Gibbs chains differ {' and '.join(missed)} from tempering's"
        return judge(name, figures, "they miss part of the distribution; use tempering")
    if not all(comparison.agree for comparison in comparisons.values()):
        return Verdict(name, False, "too few chains to tell whether tempering sees what Gibbs chains do not")
    return judge(name, "tempering sees nothing that Gibbs chains do not: all means agree")
