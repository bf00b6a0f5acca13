"""When to stop, and which state to keep: by the held-out log likelihood, never by the reconstruction error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from harmonium import checks
from harmonium.training.loop import TrainState

KEY = "valid_log_likelihood"


def stop_early(states: Iterable[TrainState], patience: float = 0.5, least: int = 1000) -> Iterator[TrainState]:
    """The states of `train(..., valid=rows)`, until the held-out log likelihood no longer rises; then the best of them again.

    The last state yielded holds the machine (`rbm`) and the log likelihoods of the best state, and `best_step`, its number;
    everything else in it, the `iterate` and the chains to go on from among them, is the last state's.

    Args:
        patience: training stops when the best state is more than this share of its own updates ago. least: and at least so
            many updates.

    Reference: L. Prechelt, "Early stopping - but when?", in Neural Networks: Tricks of the Trade, 1998.
    """
    patience, least = checks.positive(patience, "patience"), checks.whole(least, "least")
    best = state = None
    for state in states:
        yield state
        value = state.metrics.get(KEY)
        if value is None:
            continue
        if best is None or value > best.metrics[KEY]:
            best = state
        elif state.step - best.step > max(patience * best.step, least):
            break
    if state is not None and best is not None and best is not state:
        kept = {name: value for name, value in best.metrics.items() if "log_" in name or name == "free_energy_gap"}
        yield replace(state, rbm=best.rbm, metrics=state.metrics | kept | {"best_step": float(best.step)})
