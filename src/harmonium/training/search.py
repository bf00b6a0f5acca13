"""The search for settings that suit the data: trials, one after the other, compared by their held-out log likelihood.

The first trial has the settings that a run starts with. Where it goes on rising, as with many rows, it is the whole run. Where
it ends early, because the model overfits, the chains no longer mix or the noise of the updates hides what is left to learn,
the rest of the time goes to others: a rate a third as high, or lower ones until something is learned; then a stronger penalty,
0.001 and neighbors of the best, two a decade, as long as that helps; then lower rates, likewise; then, for models whose ln Z is
exact, chains that are tempered. Where ln Z is estimated and the first trial has grown modes that annealing does not meet, the
next one begins chains there, in all the time that is left. Any other trial after the first is as long as the best one so far
suggests, and its rate falls to zero over that length. All trials start from the same model, and the best model of all is kept.

What is tried depends on held-out log likelihoods and such modes alone, never on a clock, but for the time that is left for
another trial.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harmonium.training.stopping import Decay

SEARCHED = ("learning_rate", "l1", "estimator", "mode_search")
"""The settings that a search chooses, unless they are given."""
RATE_FACTOR, MIN_LEARNING_RATE = 3.0, 1e-4
L1_TRIED, L1_FACTOR, MAX_L1 = 1e-3, 10**0.5, 0.1
"""The first penalty that is tried, the factor between neighbors among those that follow, and the largest."""
TEMPERED, MODE_SEARCH = "pt-1", 50
DIVERGED, CUT_OFF = "diverged", ("time", "updates")
RISING = "held-out rows were getting likelier to the end: a longer run (--minutes, --updates) may gain more"
LENGTH = 2.0
"""A trial is this many times as long as the best one needed, in terms of updates at its own rate."""
MAX_UPDATES = 20_000
"""... but it is left out, or a penalty's cut, if those after the first took more updates than this: tempered ones count ..."""
TEMPERED_COST, MODE_SEARCH_COST = 5, 4
"""... so many times, as do those with searches for modes, but for the first of these."""
MIN_UPDATES = 1000
MIN_HELD_OUT = 10
"""Fewer held-out rows cannot tell trials apart: none follows a first one that has learned something."""
MIN_FRACTION = 0.5
"""A trial is cut to the time that is left down to this fraction of its length, and else left out."""


@dataclass(frozen=True)
class Trial:
    """A trial that has ended, in terms of JSON.

    Attributes:
        settings: the searched ones, by name.
        updates: made.
        why: it ended, in words.
        step, value, metrics: of its best model: updates, held-out log likelihood (nats per example) and what else was
            measured.
        total_updates, early_decay: the decays of its rate, as in `TrainConfig`.
        left_modes_out: as in `EarlyStopping`.
    """

    settings: dict[str, float | str | None]
    updates: int
    why: str
    step: int
    value: float
    metrics: dict[str, float] = field(default_factory=dict)
    total_updates: int | None = None
    early_decay: Decay | None = None
    left_modes_out: bool = False

    def __str__(self) -> str:
        shown = {name: value for name, value in self.settings.items() if value or name != "mode_search"}
        settings = ", ".join(f"{name} {_text(value)}" for name, value in shown.items())
        return f"{settings}: {self.value:.3f} after {self.step:,} of {self.updates:,} updates ({self.why})"


class Proposal(NamedTuple):
    """Settings to try next, by name, and the number of updates; with less than `least` it is not worth while."""

    settings: dict[str, Any]
    updates: int
    least: int


def cost_of(settings: Mapping[str, Any]) -> int:
    """What an update with these settings costs, in updates by plain chains."""
    return TEMPERED_COST if settings["estimator"] == TEMPERED else MODE_SEARCH_COST if settings["mode_search"] else 1


def best_index(trials: Sequence[Trial]) -> int:
    """The index of the trial with the best model; the earliest of equal ones."""
    return max(range(len(trials)), key=lambda index: (trials[index].value, -index))


def describe_trials(trials: Sequence[Trial]) -> list[str]:
    """What was tried, what is kept and what comes next to it, a line each, of more than one trial; and whether what is kept was
    cut off while it rose.

    Args:
        trials: of `TrainState.trials`.
    """
    if not trials:
        return []
    kept = trials[best_index(trials)]
    rising = [RISING] if kept.why in CUT_OFF and kept.step == kept.updates else []
    if len(trials) == 1:
        return rising
    best, second, *_ = sorted(trials, key=lambda trial: -trial.value)
    values = {name: list(dict.fromkeys(trial.settings[name] for trial in trials)) for name in SEARCHED}
    texts = [f"{name} {', '.join(map(_text, found))}" for name, found in values.items() if len(found) > 1]
    return [f"tried on held-out rows: {'; '.join(texts)}", f"kept: {best}", f"next best: {second}", *rising]


def propose(trials: Sequence[Trial], free: Sequence[str], tempering: bool, held_out: int = MIN_HELD_OUT) -> Proposal | None:
    """What to try after these trials, or None.

    Args:
        free: the settings that may be changed.
        tempering: whether tempered chains are worth their time.
        held_out: rows.
    """
    best, last, first = trials[best_index(trials)], trials[-1], trials[0].settings
    if best.step and held_out < MIN_HELD_OUT:
        return None
    tried = [trial.settings for trial in trials]
    left = MAX_UPDATES - sum(trial.updates for trial in trials[1:] if not trial.settings["mode_search"])

    def vary(base: Trial, name: str, value: float | str, length: float = LENGTH, **others: float) -> Proposal | None:
        settings = base.settings | {name: value} | others
        updates = max(MIN_UPDATES, math.ceil(length * best.step))
        least, room = math.ceil(MIN_FRACTION * updates), left // cost_of(settings)
        # Nothing else that follows is as short as a penalty's trial, so that may take all that is left.
        if settings in tried or (least if name == "l1" else updates) > room:
            return None
        return Proposal(settings, min(updates, room), least)

    if "mode_search" in free and trials[0].left_modes_out and len(trials) == 1 and str(first["estimator"]).startswith("pcd"):
        return Proposal(first | {"mode_search": MODE_SEARCH}, MAX_UPDATES, MIN_UPDATES)
    first = first | {"mode_search": last.settings["mode_search"]}
    before = _number(first["l1"])
    rate_of, l1_of = (lambda settings: _number(settings["learning_rate"])), (lambda settings: _number(settings["l1"]))

    def vary_rate(base: Trial) -> Proposal | None:
        lower = rate_of(base.settings) / RATE_FACTOR
        # The first trial has no decay, whose mean rate is half of the first.
        length = RATE_FACTOR * (LENGTH if base is trials[0] else 1)
        return vary(base, "learning_rate", lower, length) if "learning_rate" in free and lower >= MIN_LEARNING_RATE else None

    is_first = [settings["mode_search"] for settings in tried].count(last.settings["mode_search"]) == 1
    if (is_first or not best.step) and (proposal := vary_rate(last)):
        return proposal
    if not best.step or best.settings["estimator"] != first["estimator"]:
        return None
    l1, known = l1_of(best.settings), [settings for settings in tried if l1_of(settings) != before]
    if "l1" in free and all(rate_of(settings) == rate_of(best.settings) for settings in known):
        for value in (*([] if known else [L1_TRIED]), L1_FACTOR * l1, l1 / L1_FACTOR):
            is_new = not any(math.isclose(value, l1_of(settings), rel_tol=1e-3) for settings in known)
            if 1.001 * before < value <= MAX_L1 and is_new and (proposal := vary(best, "l1", value)):
                return proposal
    if proposal := vary_rate(best):
        return proposal
    if "estimator" in free and tempering and first["estimator"] == "pcd-1":
        return vary(best, "estimator", TEMPERED, mode_search=0)
    return None


def _text(value: float | str | None) -> str:
    return f"{value:.2g}" if isinstance(value, float) else str(value)


def _number(value: float | str | None) -> float:
    return float(value or 0.0)
