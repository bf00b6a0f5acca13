"""Chapter 2, the other road: p(h|v) by the sigmoid, unit by unit; the joint table from it; from ln p(v) to the learning rule.

Two roads lead to each probability, and they are kept apart here: `conditional` multiplies sigmoids and never sees an energy,
`Tables` has the energies. Both work in logarithms, so that they can be compared however cold the machine is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harmonium.lab.ask import Ask
from harmonium.lab.tables import Parameters, Tables, number_of, sigmoid, tables, texts

CURVE_POINTS = 121
CURVE_REACH = 4.0
"""The sigmoid is drawn over at least this many temperatures on either side of zero."""
NUDGE = 1e-4
"""How far a weight is moved to both sides to measure a slope, in temperatures."""


def conditional(machine: Tables) -> np.ndarray:
    """ln p(h|v) `[n, m]` by the sigmoids: sum_j ln sigma(S_j / T) where h_j = 1, ln(1 - sigma(S_j / T)) where it is 0."""
    x = machine.hidden_inputs(machine.v) / machine.temperature
    return -np.logaddexp(0, -x) @ machine.h.T - np.logaddexp(0, x) @ (1 - machine.h.T)


def by_energy(machine: Tables) -> np.ndarray:
    """ln p(v, h) = -E / T - ln Z, `[n, m]`."""
    return -machine.energy / machine.temperature - machine.log_partition


def given(ask: Ask) -> dict[str, Any]:
    """From one v: every hidden unit's input with its terms, its probability, p(h|v), and p(v) by dividing each row.

    A unit's `input` is its `bias` + sum_i `weights`_i v_i. `factors [m, H]`: p(h_j|v) of each h. `marginal [m]`: p(v, h) /
    p(h|v) row by row, each of which must be `visible` = p(v), the sum of the rows. What is too small for a float still has
    its logarithm.
    """
    machine = _machine(ask)
    v = ask.bits("v", len(machine.parameters.a))
    row = number_of(v)
    p, temperature = machine.parameters, machine.temperature
    inputs = machine.hidden_inputs(v)
    on, off = sigmoid(inputs / temperature), sigmoid(-inputs / temperature)
    log_conditional, log_joint = conditional(machine)[row], by_energy(machine)[row]
    log_marginal = log_joint - log_conditional
    reach = max(CURVE_REACH * temperature, 1.15 * float(np.abs(inputs).max()))
    x = np.linspace(-reach, reach, CURVE_POINTS)
    return {
        "v": texts(v[None])[0],
        "temperature": temperature,
        "units": [
            {"bias": p.b[j], "weights": p.weights[:, j], "input": inputs[j], "on": on[j], "off": off[j]} for j in range(len(on))
        ],
        "curve": {"input": x, "probability": sigmoid(x / temperature)},
        "h": texts(machine.h),
        "factors": np.where(machine.h == 1, on, off),
        "exponent": 0.0 - machine.energy[row] / temperature,
        "log_partition": machine.log_partition,
        "conditional": np.exp(log_conditional),
        "log_conditional": log_conditional,
        "joint": np.exp(log_joint),
        "log_joint": log_joint,
        "marginal": np.exp(log_marginal),
        "log_marginal": log_marginal,
        "visible": np.exp(machine.log_visible[row]),
        "log_visible": machine.log_visible[row],
    }


def both(ask: Ask) -> dict[str, Any]:
    """The whole table by both roads. In each block of equal v the row with hidden vector `h` gives p(v), the others follow.

    `road [n * m]` = p(h|v) p(v); `energies [n * m]` = e^(-E/T) / Z; `largest`: the largest absolute `difference`.
    """
    machine = _machine(ask)
    h = ask.bits("h", len(machine.parameters.b))
    log_conditional, log_joint = conditional(machine), by_energy(machine)
    row = number_of(h)
    log_marginal = log_joint[:, row] - log_conditional[:, row]
    road, energies = np.exp(log_conditional + log_marginal[:, None]), np.exp(log_joint)
    return {
        "row": texts(h[None])[0],
        "v": texts(machine.v),
        "h": texts(machine.h),
        "marginal": np.exp(log_marginal),
        "conditional": np.exp(log_conditional).ravel(),
        "road": road.ravel(),
        "energies": energies.ravel(),
        "difference": (road - energies).ravel(),
        "largest": np.abs(road - energies).max(),
    }


def rule(ask: Ask) -> dict[str, Any]:
    """Every number on the way from ln p(v) to the step of the weight w_ij.

    `held` (v fixed, `[m]`) and `free` (everything, `[n * m]`) have the summands of the two logarithms: `weight` = e^(-E/T) and
    `both` = v_i h_j; the sums `bottom` = sum weight and `top` = sum weight v_i h_j; their quotient `term`, A or B. What is too
    large for a float is None, its logarithm not; `log_top` is None where no row counts. `nudge`: the slope measured on ln p(v).
    """
    machine = _machine(ask)
    v = ask.bits("v", len(machine.parameters.a))
    visible, hidden = machine.parameters.weights.shape
    i, j = ask.whole("i", 0, visible - 1), ask.whole("j", 0, hidden - 1)
    rate = ask.number("rate", 1e-4, 100.0, default=0.1)
    temperature, row = machine.temperature, number_of(v)
    pairs = np.outer(machine.v[:, i], machine.h[:, j])
    held = _sums(machine, np.s_[row : row + 1], pairs)
    free = _sums(machine, np.s_[:], pairs)
    slopes = (machine.held(machine.only(v)).weights - machine.free().weights) / temperature
    on = sigmoid(machine.hidden_inputs(v) / temperature)[j]
    up, down = (float(_nudged(machine, i, j, by).log_visible[row]) for by in (NUDGE * temperature, -NUDGE * temperature))
    slope = (held["term"] - free["term"]) / temperature
    return {
        "v": texts(v[None])[0],
        "i": i,
        "j": j,
        "temperature": temperature,
        "rate": rate,
        "states": {"v": texts(machine.v), "h": texts(machine.h)},
        "held": held,
        "free": free,
        "log_probability": machine.log_visible[row],
        "probability": np.exp(machine.log_visible[row]),
        "unit": {"bit": int(v[i]), "on": on, "term": v[i] * on},
        "slope": slope,
        "step": rate * slope,
        "steps": rate * slopes,
        "nudge": {"by": NUDGE * temperature, "up": up, "down": down, "slope": (up - down) / (2 * NUDGE * temperature)},
    }


def _sums(machine: Tables, rows: slice, pairs: np.ndarray) -> dict[str, Any]:
    """The summands over the visible states `rows`, their sums and the quotient."""
    exponent = (0.0 - machine.energy[rows] / machine.temperature).ravel()
    both = pairs[rows].ravel()
    largest = float(exponent.max())
    relative = np.exp(exponent - largest)
    log_bottom = largest + float(np.log(relative.sum()))
    share = np.exp(exponent - log_bottom)
    term = float(share @ both)
    with np.errstate(over="ignore", invalid="ignore"):
        weight = np.exp(exponent)
        bottom, top = np.exp(log_bottom), np.exp(largest) * (relative @ both) if both.any() else 0.0
    return {
        "energy": machine.energy[rows].ravel(),
        "exponent": exponent,
        "weight": [_finite(x) for x in weight],
        "both": both.astype(int),
        "share": share,
        "bottom": _finite(bottom),
        "log_bottom": log_bottom,
        "top": _finite(top),
        "log_top": log_bottom + float(np.log(term)) if term > 0 else None,
        "term": term,
    }


def _nudged(machine: Tables, i: int, j: int, by: float) -> Tables:
    p = machine.parameters
    weights = p.weights.copy()
    weights[i, j] += by
    return tables(Parameters(weights, p.a, p.b), machine.temperature)


def _finite(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None


def _machine(ask: Ask) -> Tables:
    return tables(Parameters(*ask.parameters()), ask.temperature())


ANSWERS: dict[str, Callable[[Ask], dict[str, Any]]] = {"road.given": given, "road.both": both, "road.rule": rule}
