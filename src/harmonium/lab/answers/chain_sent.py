"""What the page sends of its chains, checked: states as bits or numbers, visits, ladders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harmonium.errors import InputError
from harmonium.lab.answers import chain_kernels as kernels

if TYPE_CHECKING:
    from harmonium.lab.ask import Ask

MOST_MADE = 10**9
"""Sweeps of one chain in all."""


def number_of(bits: Any) -> int:
    """A layer's state as its number, the first unit being the leading digit."""
    return int(np.asarray(bits, dtype=np.int64) @ (1 << np.arange(len(bits))[::-1]))


def chain(ask: Ask, v_units: int, h_units: int) -> tuple[int, int | None, int]:
    """The numbers of v and h and the half-steps made, `half`; h is None before the first."""
    made = ask.whole("half", 0, 2 * (MOST_MADE - kernels.MOST_SWEEPS))
    return number_of(ask.bits("v", v_units)), number_of(ask.bits("h", h_units)) if made else None, made


def wholes(ask: Ask, name: str, length: int, most: int) -> np.ndarray | None:
    """A list of whole numbers from 0 to `most`, None where nothing was sent."""
    sent = ask.params.get(name)
    if sent is None:
        return None
    good = isinstance(sent, list) and len(sent) == length
    if not good or any(type(x) is not int or not 0 <= x <= most for x in sent):
        raise InputError(f"{name} must be {length} whole numbers from 0 to {most}")
    return np.array(sent, dtype=np.int64)


def counts(ask: Ask, rows: int, made: int) -> np.ndarray:
    """The visits to each configuration in the sweeps made; they must add up."""
    sent = wholes(ask, "counts", rows, MOST_MADE)
    if sent is None:
        sent = np.zeros(rows, np.int64)
    if sent.sum() != made:
        raise InputError(f"counts must be those of {made} sweeps, but their sum is {sent.sum()}")
    return sent


def ladder(ask: Ask, v_units: int, rungs: int) -> kernels.Ladder:
    """One ladder as an answer gave it, or a new one with all rungs at `start`."""
    sent = ask.params.get("ladder")
    if sent is None:
        return kernels.started(number_of(ask.bits("start", v_units)), rungs)
    try:
        at = np.array([[int(text, 2)] for text in sent["at"] if len(text) == v_units])
        label = np.array([[int(x)] for x in sent["label"]])
        acceptance = np.array([float(x) for x in sent["acceptance"]])
        trips, steps = int(sent["round_trips"]), int(sent["steps"])
        fits = at.shape == label.shape == (rungs, 1) and acceptance.shape == (rungs - 1,)
        fits = fits and set(label.ravel().tolist()) <= {0, 1, 2} and bool(((at >= 0) & (at < 1 << v_units)).all())
        fits = fits and bool(((acceptance >= 0) & (acceptance <= 1)).all()) and 0 <= trips <= steps <= MOST_MADE
    except (TypeError, KeyError, ValueError, OverflowError):
        fits = False
    if not fits:
        raise InputError(f"ladder must be the state of {rungs} rungs as an answer of chain.temper gave it")
    return kernels.at_rest(at)._replace(acceptance=acceptance, label=label, round_trips=trips, steps=steps)
