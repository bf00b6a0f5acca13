"""Chapter 1: the table of all configurations, and the same machine as Python and as a command."""

from __future__ import annotations

from typing import Any

import numpy as np

from harmonium.lab.ask import Ask
from harmonium.lab.tables import Parameters, Tables, log_sum, tables, texts


def table(ask: Ask) -> dict[str, Any]:
    """Every configuration (v slowest) with energy, weight e^(-E/T) and probability; marginals, expectations, entropy (nats).

    `given`: the probabilities given the units that `clamp` holds, None if it holds none. `free_energy` is F(v) with
    p(v) = e^(-F/T) / Z. A `weight` or `partition` beyond the largest number is infinite (null for the page).
    """
    found = tables(Parameters(*ask.parameters()), ask.temperature())
    v, h, joint, temperature = found.v, found.h, found.joint, found.temperature
    exponents = -found.energy / temperature
    with np.errstate(over="ignore"):
        weights, partition = np.exp(exponents), np.exp(found.log_partition)
    p_v, p_h = joint.sum(axis=1), joint.sum(axis=0)
    v_texts, h_texts = texts(v), texts(h)
    # ln p from the exponents: a probability that underflows to 0 adds nothing, and has no logarithm.
    entropy = -np.sum(joint * (exponents - found.log_partition))
    return {
        "v": [text for text in v_texts for _ in h_texts],
        "h": h_texts * len(v_texts),
        "energy": found.energy.ravel(),
        "weight": weights.ravel(),
        "probability": joint.ravel(),
        "given": _given(ask, found),
        "log_partition": found.log_partition,
        "partition": partition,
        "visible": {
            "states": v_texts,
            "probability": p_v,
            "free_energy": -temperature * (found.log_visible + found.log_partition),
        },
        "hidden": {"states": h_texts, "probability": p_h},
        "mean": {"v": p_v @ v, "h": p_h @ h},
        "entropy": max(0.0, float(entropy)),
    }


def _given(ask: Ask, found: Tables) -> np.ndarray | None:
    if ask.params.get("clamp") is None:
        return None
    clamp = ask.nested("clamp")
    agree_v, agree_h = (
        ((states == held) | np.isnan(held)).all(axis=1)
        for states, held in ((found.v, clamp.held("v", found.v.shape[1])), (found.h, clamp.held("h", found.h.shape[1])))
    )
    agree = agree_v[:, None] & agree_h
    if agree.all():
        return None
    exponents = np.where(agree, -found.energy / found.temperature, -np.inf)
    return np.exp(exponents - log_sum(exponents)).ravel()


# ---- the same machine elsewhere


def python(ask: Ask) -> dict[str, Any]:
    """Python code that makes the same machine and its table with the library."""
    weights, a, b = ask.parameters()
    at = "" if ask.temperature() == 1 else f", temperature={ask.temperature()!r}"
    lines = (
        "import harmonium as hm",
        "",
        f"rbm = hm.RBM(hm.Binary({a.tolist()}), hm.Binary({b.tolist()}), {weights.tolist()})",
        f"table = hm.exact.joint_table(rbm{at})",
        "for row in zip(table.v, table.h, table.energy, table.probability):",
        "    print(*row)",
        'print("ln Z =", table.log_partition)',
        "",
    )
    return {"text": "\n".join(lines)}


def command(ask: Ask) -> dict[str, Any]:
    """A command that prints the same machine's table."""
    weights, a, b = ask.parameters()
    parts = [f'harmonium table --weights "{"; ".join(_spaced(row) for row in weights)}"']
    parts += [f'--{name} "{_spaced(bias)}"' for name, bias in (("visible-bias", a), ("hidden-bias", b)) if bias.any()]
    if ask.temperature() != 1:
        parts.append(f"--temperature {ask.temperature()!r}")
    return {"text": " ".join(parts)}


def _spaced(values: np.ndarray) -> str:
    return " ".join(repr(float(x)).removesuffix(".0") for x in values)


ANSWERS = {"machine.table": table, "machine.python": python, "machine.command": command}
