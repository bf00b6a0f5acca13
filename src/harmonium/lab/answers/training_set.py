"""Chapter 5, a training set: exact gradient, CD-1 and PCD-1 learn the same patterns from the same start.

Each question carries everything: what is learned and how, and, to go on, the three machines, the chains and how many updates
were done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harmonium.errors import InputError
from harmonium.lab import small_training
from harmonium.lab.answers.training_set_input import MOST_UPDATES, lesson_of, shown_patterns, state_of, text_of
from harmonium.lab.ask import Ask
from harmonium.lab.small_training import METHODS, Lesson, Parameters, State

MOST_AT_ONCE = 1000
MOST_STRAYS = 3
FIELDS = small_training.Measures._fields
NAMES = {"exact": "The exact gradient", "cd": "CD-1", "pcd": "PCD-1"}


def start(ask: Ask) -> dict[str, Any]:
    """The target, the best possible log likelihood, and the three machines before the first update."""
    lesson, heights = lesson_of(ask)
    state = small_training.begin(lesson, ask.whole("hidden", 1, 12), ask.number("scale", 0, 3))
    shown = shown_patterns(lesson)
    place = {text: number for number, text in enumerate(text_of(lesson.rows))}
    visible = lesson.rows.shape[1]
    return {
        "visible": visible,
        "columns": {4: 2, 9: 3}.get(visible, visible),
        "patterns": text_of(shown),
        "heights": [float(heights[place[text]]) if text in place else 0.0 for text in text_of(shown)],
        "target": [float(lesson.share[place[text]]) if text in place else 0.0 for text in text_of(shown)],
        "not_shown": 2**visible - len(shown),
        "entropy": lesson.entropy,
        "best": -lesson.entropy,
        **_report(state, lesson, [_measured(state, lesson)]),
    }


def train(ask: Ask) -> dict[str, Any]:
    """Some updates further: the new state, its figures, and those at each update on the way that `recorded` names."""
    lesson, _ = lesson_of(ask)
    state = state_of(ask, lesson)
    updates = ask.whole("updates", 1, MOST_AT_ONCE)
    if state.update >= MOST_UPDATES:
        raise InputError(f"{MOST_UPDATES:,} updates are as far as this page goes; start again with another seed or rate")
    records = []
    for _ in range(min(updates, MOST_UPDATES - state.update)):
        state = small_training.advance(state, lesson)
        if recorded(state.update):
            records.append(_measured(state, lesson))
    return _report(state, lesson, records)


def recorded(update: int) -> bool:
    """Whether an update's figures are kept: all at first, then ever fewer, the same ones however the updates were asked for."""
    for least, every in ((10_000, 250), (1000, 50), (100, 10), (10, 5)):
        if update > least:
            return update % every == 0
    return True


def _measured(state: State, lesson: Lesson) -> dict[str, Any]:
    """A method's figures end where it stopped: None from there on."""
    running = {name: machine for name, machine in state.machines.items() if name not in state.stopped}
    return {"update": state.update} | {name: small_training.measure(machine, lesson) for name, machine in running.items()}


def _report(state: State, lesson: Lesson, records: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "state": {
            "update": state.update,
            "machines": {name: _as_lists(machine) for name, machine in state.machines.items()},
            "chains": text_of(state.chains),
            "stopped": state.stopped,
        },
        "now": {name: _now(state, lesson, name) for name in METHODS},
        "record": {
            "update": [record["update"] for record in records],
            **{
                name: {field: [getattr(record.get(name), field, None) for record in records] for field in FIELDS}
                for name in METHODS
            },
        },
    }


def _as_lists(machine: Parameters) -> dict[str, Any]:
    return {name: part.tolist() for name, part in machine._asdict().items()}


def _now(state: State, lesson: Lesson, name: str) -> dict[str, Any]:
    """One machine's figures, its p(v) of the patterns shown, and where among them the v of its last negative term lay."""
    machine = state.machines[name]
    shown = small_training.numbers(shown_patterns(lesson))
    probability = np.exp(small_training.log_probability(machine))
    report = {
        **small_training.measure(machine, lesson)._asdict(),
        "flawless": small_training.flawless(machine, lesson),
        "probability": probability[shown].tolist(),
        "others": float(np.delete(probability, shown).sum()),
        "strays": [
            {"bits": bits, "probability": float(probability[n])} for n, bits in _strays(probability, shown, len(machine.a))
        ],
        "drawn": None,
        "drawn_others": None,
        "stopped": None,
    }
    if name in state.vectors:
        counts = np.bincount(small_training.numbers(state.vectors[name]), minlength=len(probability)) / lesson.chains
        report |= {"drawn": counts[shown].tolist(), "drawn_others": float(np.delete(counts, shown).sum())}
    if name in state.stopped:
        what = f"{NAMES[name]} stopped at update {state.stopped[name]:,}"
        report["stopped"] = f"{what}: a parameter went beyond \u00b1{small_training.MOST_PARAMETER:g}. Lower the rate."
    return report


def _strays(probability: np.ndarray, shown: np.ndarray, visible: int) -> list[tuple[int, str]]:
    """The likeliest patterns that have no bar of their own, as numbers and as text."""
    order = [int(n) for n in np.argsort(-probability, kind="stable")[: len(shown) + MOST_STRAYS] if n not in shown]
    return [(n, text) for n, text in zip(order, text_of(small_training.states(visible)[order]), strict=True)][:MOST_STRAYS]


ANSWERS: dict[str, Callable[[Ask], dict[str, Any]]] = {"set.start": start, "set.train": train}
