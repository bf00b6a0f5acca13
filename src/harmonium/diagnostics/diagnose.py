"""All diagnostics of one model together, each with its verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import Array
from jaxtyping import Float

from harmonium import _checks, exact, model
from harmonium._types import ArrayLike, Key
from harmonium.diagnostics.adversarial import AdversarialAccuracy, adversarial_accuracy
from harmonium.diagnostics.hidden import HiddenUnits, hidden_units
from harmonium.diagnostics.leak import Leak, leak
from harmonium.diagnostics.mixing import Mixing, mixing
from harmonium.diagnostics.overfitting import FreeEnergyGap, free_energy_gap
from harmonium.diagnostics.relaxation import MIN_SWEEPS, Relaxation, relaxation
from harmonium.diagnostics.spectrum import Spectrum, spectrum
from harmonium.diagnostics.swaps import Swaps, agreement, compare_with_gibbs, swaps
from harmonium.diagnostics.verdict import Verdict, single
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers import gibbs

MAX_ROWS = 500
"""Rows of each kind compared by nearest neighbors."""
EXACT_SECONDS = 1.0
"""Rows are drawn by enumeration where ln Z is forecast to take no longer than this, by Gibbs chains otherwise."""
TEMPERING_FRACTION = 0.4
"""Steps of tempering for each Gibbs sweep: a step sweeps every rung."""


@dataclass(frozen=True)
class Diagnosis:
    """The diagnostics of one model; those that need training rows beside the held-out ones are None without them.

    `accuracy`: of rows drawn from the model against held-out rows. `leak`: whether they repeat training rows. `drawn`: how they
    were drawn.

    Attributes:
        relaxation: chains from noise and from data.
        mixing: whether they mix.
        swaps: parallel tempering.
        gap: the gap of free energies.
        hidden: what hidden units do.
        spectrum: singular values of weights and data.
    """

    relaxation: Relaxation
    mixing: Mixing
    swaps: Swaps
    gap: FreeEnergyGap | None
    accuracy: AdversarialAccuracy
    leak: Leak | None
    drawn: str
    hidden: HiddenUnits
    spectrum: Spectrum

    @property
    def verdicts(self) -> list[Verdict]:
        """All verdicts: on the sampling first, on the fit next, on the parameters last."""
        verdicts = [*self.mixing.verdicts, self.swaps.verdict, agreement(self.swaps, self.relaxation)]
        if self.gap is not None:
            verdicts.append(self.gap.verdict)
        verdicts.append(self.accuracy.verdict)
        if self.leak is not None:
            verdicts.append(self.leak.verdict)
        return [*verdicts, self.hidden.verdict, self.spectrum.verdict]

    def to_dict(self) -> dict[str, Any]:
        """Names and figures, for JSON: numbers, arrays, lists and dictionaries. Hidden units are called h1, h2, ..."""

        def names(columns: Sequence[int]) -> list[str]:
            return [f"h{column + 1}" for column in columns]

        tempering = asdict(self.swaps)
        del tempering["values"]
        noise, data = compare_with_gibbs(self.swaps, self.relaxation)
        hidden = self.hidden
        return {
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
            "mixing": asdict(self.mixing),
            "tempering": tempering | {"gibbs_from_noise": asdict(noise), "gibbs_from_data": asdict(data)},
            "free_energy_gap": self.gap and asdict(self.gap),
            "adversarial_accuracy": asdict(self.accuracy) | {"drawn": self.drawn},
            "leak": self.leak and self.leak.to_dict(),
            "hidden_units": {
                "activity": hidden.activity.mean(axis=0),
                **{kind: names(getattr(hidden, kind)) for kind in ("dead", "saturated", "indifferent")},
                "doubles": [names(pair) for pair in hidden.doubles],
            },
            "spectrum": asdict(self.spectrum),
        }


def diagnose(
    rbm: RBM,
    held_out: ArrayLike,
    train: ArrayLike | None = None,
    *,
    chains: int = 100,
    sweeps: int = 1000,
    rungs: int | None = None,
    seed: int = 0,
    progress: Callable[[str, float], None] = lambda _stage, _fraction: None,
) -> Diagnosis:
    """Run all diagnostics on rows `held_out [m, V]` and, if there are any, rows `train [n, V]` on which the model was trained.

    Args:
        rbm: the model.
        held_out: rows `[m, V]` that it was not trained on.
        train: rows `[n, V]` on which the model was trained.
        chains: from noise, from data, and of tempering each.
        sweeps: of each Gibbs chain.
        rungs: of tempering (see `swaps`).
        seed: of all random numbers.
        progress: called with the name of each stage as it begins and the fraction of the stages done.

    Raises:
        InputError: a malformed model, rows outside the units' domain, fewer than 2 rows, or a number out of range.
    """
    held_out = model.check_rows(rbm, held_out, "held_out", 2)
    known = held_out if train is None else model.check_rows(rbm, train, "train", 2)
    check_settings(chains, sweeps, rungs, seed)
    progress("Gibbs chains from noise and from data", 0.0)
    relaxed = relaxation(rbm, known, chains, sweeps, seed)
    mixed = mixing(relaxed)
    progress("parallel tempering", 0.25)
    exchanged = swaps(rbm, chains, max(MIN_SWEEPS, round(TEMPERING_FRACTION * sweeps)), rungs, seed)
    progress("nearest neighbors of drawn rows", 0.5)
    count = min(MAX_ROWS, len(held_out), len(known))
    v, drawn = _draws(rbm, count, sweeps, seed)
    some, trained = (np.random.default_rng(seed).permutation(rows)[:count] for rows in (held_out, known))
    progress("overfitting, hidden units, spectrum", 0.75)
    return Diagnosis(
        relaxation=relaxed,
        mixing=mixed,
        swaps=exchanged,
        gap=None if train is None else free_energy_gap(rbm, train, held_out),
        accuracy=adversarial_accuracy(some, v, seed),
        leak=None if train is None else leak(v, trained, some, seed),
        drawn=drawn,
        hidden=hidden_units(rbm, known),
        spectrum=spectrum(rbm, known),
    )


def check_settings(chains: int, sweeps: int, rungs: int | None, seed: int) -> None:
    """Raise what `diagnose` would raise of its numbers."""
    _checks.integer(chains, "chains", 2)
    _checks.integer(sweeps, "sweeps", MIN_SWEEPS)
    if rungs is not None:
        _checks.integer(rungs, "rungs", 2)
    _checks.seed(seed)


def _draws(rbm: RBM, count: int, sweeps: int, seed: int) -> tuple[np.ndarray, str]:
    """Draws of the model, and how they were obtained."""
    if exact.estimate_seconds(rbm) <= EXACT_SECONDS:
        return exact.sample(rbm, count, seed), "independently, with no chain"
    v = _gibbs_ends(key_of(seed), single(rbm), count=count, sweeps=sweeps)
    return np.asarray(v), f"by Gibbs chains of {sweeps:,} sweeps from noise"


@partial(jax.jit, static_argnames=("count", "sweeps"))
def _gibbs_ends(key: Key, rbm: RBM, *, count: int, sweeps: int) -> Float[Array, "count visible"]:
    init_key, step_key = jax.random.split(key)
    sampler = gibbs(count, sweeps)
    return sampler.step(step_key, rbm, sampler.init(init_key, rbm))[0].v
