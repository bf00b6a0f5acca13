"""Chapter 3, the chain: half-steps with their coins, runs and their visits, many chains at once, and a ladder of temperatures.

The page holds a chain's whole state and its visits and sends them along; nothing is kept here. After a given number of sweeps
a chain is where its machine, temperature, start and seed put it, however its steps were bundled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from harmonium import exact
from harmonium.errors import InputError
from harmonium.lab.answers import chain_kernels as kernels
from harmonium.lab.answers import chain_law as laws
from harmonium.lab.answers import chain_sent as sent
from harmonium.lab.answers import machine
from harmonium.lab.answers.chain_record import coins, compared, texts, upper, visits_told
from harmonium.model import RBM

if TYPE_CHECKING:
    from harmonium.lab.ask import Ask

MOST_CHAINS = 1000


def law(ask: Ask) -> dict[str, Any]:
    """What the chain should come to: every configuration with its probability, and how slowly a chain forgets."""
    cold, v_units, h_units = _cold(ask)
    found = laws.law(cold)
    v, h = texts(v_units), texts(h_units)
    return {
        "v": [x for x in v for _ in h],
        "h": h * len(v),
        "probability": found.probability,
        "visible": {"states": v, "probability": found.visible},
        "upper": float(found.visible[upper(v_units)].sum()),
        "relaxation": found.relaxation if np.isfinite(found.relaxation) else None,
    }


def half(ask: Ask) -> dict[str, Any]:
    """One half-step: the coins of one layer are tossed, given the other. Every second one ends a sweep and is a visit."""
    cold, v_units, h_units = _cold(ask)
    v, h, made = sent.chain(ask, v_units, h_units)
    before, sender = v, v if made % 2 == 0 else h
    assert sender is not None  # h is missing before the first half-step only
    toss = kernels.toss(cold, made, sender, ask.seed())
    v, h = (v, toss.number) if made % 2 == 0 else (toss.number, h)
    visits = np.array([(v << h_units) | (h or 0)] if made and made % 2 == 0 else [], dtype=np.int64)
    return {
        **_visits(ask, laws.law(cold), visits, before, max(0, (made - 1) // 2)),
        "chain": _told(v, h, made + 1, v_units, h_units),
        "coins": {"v" if made % 2 else "h": coins(ask.machine(), made, sender, toss)},
    }


def run(ask: Ask) -> dict[str, Any]:
    """Whole sweeps; one begun by half-steps is ended first and counts as one."""
    cold, v_units, h_units = _cold(ask)
    v, h, made = sent.chain(ask, v_units, h_units)
    sweeps, seed, before = ask.whole("sweeps", 1, kernels.MOST_SWEEPS), ask.seed(), v
    counted = max(0, (made - 1) // 2)
    ended = []
    if made % 2 == 0:
        # h is due: the first of all, or the end of a sweep.
        old_h, h = h, kernels.toss(cold, made, v, seed).number
        ended = [(v << h_units) | h] if made else []
        made += 1
    rest = sweeps - len(ended)
    assert h is not None
    swept = kernels.run(cold, np.array([h]), (made - 1) // 2, rest, np.array([seed]))[:, 0]
    visits = np.concatenate([np.array(ended, np.int64), swept])
    made += 2 * rest
    if sweeps > 1:
        old_h = int(visits[-2]) % (1 << h_units)
    elif rest:
        old_h = h
    assert old_h is not None
    v, h = divmod(int(visits[-1]), 1 << h_units)
    tossed = {"v": (made - 2, old_h), "h": (made - 1, v)}
    return {
        **_visits(ask, laws.law(cold), visits, before, counted),
        "chain": _told(v, h, made, v_units, h_units),
        "coins": {
            layer: coins(ask.machine(), number, sender, kernels.toss(cold, number, sender, seed))
            for layer, (number, sender) in tossed.items()
        },
    }


def many(ask: Ask) -> dict[str, Any]:
    """Chains side by side, number k with seed + k: how far all of them together are from the table after each sweep.

    Exact beside it: the distance of the law of one chain after as many sweeps from the same start.
    """
    cold, v_units, h_units = _cold(ask)
    found, rows = laws.law(cold), 1 << (v_units + h_units)
    p = found.probability
    chains = ask.whole("chains", 1, MOST_CHAINS)
    sweeps = ask.whole("sweeps", 0, kernels.MOST_OF_MANY)
    made = ask.whole("made", 0, sent.MOST_MADE, default=0)
    start = sent.number_of(ask.bits("start", v_units))
    seeds = ask.seed() + np.arange(chains)
    now = sent.wholes(ask, "states", chains, rows - 1)
    if now is None:
        if made:
            raise InputError("states must be given where sweeps have been made")
        now = (start << h_units) | kernels.first_hidden(cold, start, seeds)
    visits = np.concatenate([now[None], kernels.run(cold, now % (1 << h_units), made, sweeps, seeds)])
    now = visits[-1]
    told = laws.checkpoints(made, made + sweeps)
    frequency = np.bincount(now, minlength=rows) / chains
    return {
        "states": now,
        "made": made + sweeps,
        "on": laws.states(v_units)[now >> h_units].mean(axis=1),
        **compared(found, frequency, *(np.sqrt(x * (1 - x) / chains) for x in (p, found.visible))),
        "upper": float(upper(v_units)[now >> h_units].mean()),
        "now": laws.distance(frequency, p),
        "law": laws.distance(found.after(start, made + sweeps), p),
        "expected": float(laws.distance_of_draws(p, chains)),
        "distance": {
            "sweeps": told,
            "chain": [laws.distance(np.bincount(visits[n - made], minlength=rows) / chains, p) for n in told],
            "law": [laws.distance(found.after(start, int(n)), p) for n in told],
        },
    }


def temper(ask: Ask) -> dict[str, Any]:
    """Steps of parallel tempering on one ladder, from infinite temperature to the machine's own, whose visits are counted."""
    cold, v_units, _ = _cold(ask)
    rungs = ask.whole("rungs", 2, kernels.RUNGS, default=6)
    steps = ask.whole("sweeps", 0, kernels.MOST_SWEEPS)
    state = sent.ladder(ask, v_units, rungs)
    before, made, visits = int(state.v[-1, 0]), state.steps, np.empty(0, np.int64)
    if steps:
        state, found = kernels.temper(cold, state, steps, ask.seed())
        visits = found[:, 0]
    v = texts(v_units)
    return {
        **_visits(ask, laws.law(cold), visits, before, made, exact_errors=False),
        "ladder": {
            "at": [v[n] for n in state.v[:, 0]],
            "acceptance": state.acceptance,
            "label": state.label[:, 0],
            "round_trips": state.round_trips,
            "steps": state.steps,
        },
        "temperature": [None, *(ask.temperature() / kernels.betas(rungs)[1:]).tolist()],
        "exchanges": [
            {"rung": n, "chance": float(chance), "drawn": float(drawn), "exchanged": bool(drawn < chance)}
            for n, (chance, drawn) in enumerate(zip(state.chance, state.drawn, strict=True))
            if np.isfinite(chance)
        ],
    }


def command(ask: Ask) -> dict[str, Any]:
    """The command that makes the same visits at the terminal."""
    start = "".join(str(int(bit)) for bit in ask.bits("start", len(ask.machine().weights)))
    sweeps = ask.whole("sweeps", 1, sent.MOST_MADE)
    text = machine.command(ask)["text"].replace("harmonium table", "harmonium chain", 1)
    return {"text": f"{text} --start {start} --sweeps {sweeps} --seed {ask.seed()}"}


def warm(ask: Ask) -> dict[str, Any]:
    """Compile one part of this chapter's kernels before it is needed."""
    kernels.warm(ask.choice("part", kernels.PARTS))
    return {}


ANSWERS: dict[str, Callable[[Ask], dict[str, Any]]] = {
    "chain.law": law,
    "chain.half": half,
    "chain.run": run,
    "chain.many": many,
    "chain.temper": temper,
    "chain.command": command,
    "chain.warm": warm,
}


def _cold(ask: Ask) -> tuple[RBM, int, int]:
    """The machine at its temperature, and the sizes of its layers."""
    cold = exact.at_temperature(ask.machine(), ask.temperature())
    return cold, *cold.weights.shape


def _visits(ask: Ask, law: laws.Law, visits: np.ndarray, before: int, made: int, exact_errors: bool = True) -> dict[str, Any]:
    counts = sent.counts(ask, len(law.probability), made)
    return visits_told(law, counts, visits, before, ask.whole("crossings", 0, sent.MOST_MADE, default=0), exact_errors)


def _told(v: int, h: int | None, made: int, v_units: int, h_units: int) -> dict[str, Any]:
    return {"v": texts(v_units)[v], "h": None if h is None else texts(h_units)[h], "half": made}
