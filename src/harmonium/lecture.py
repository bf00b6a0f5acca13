"""The lecture's worked steps, for any small model, as values: table, chain, conditionals, one gradient step.

The command line and the page print and draw these; nothing here prints. Everything is in float64. The model and its
temperature are separate: E is the model's own energy, probabilities are proportional to e^(-E/T), and a step on the model's own
parameters carries the factor 1/T.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Int8

from harmonium import _checks, exact, model
from harmonium._numerics import float64, to_float64
from harmonium._types import ArrayLike, Result
from harmonium.errors import InputError
from harmonium.exact import JointTable
from harmonium.gradients import Estimator
from harmonium.model import RBM
from harmonium.random import key_of
from harmonium.samplers.gibbs import sweep
from harmonium.units import Units
from harmonium.units.discrete import Discrete

__all__ = [
    "ChainVisits",
    "Conditional",
    "Marginal",
    "Step",
    "Table",
    "chain",
    "conditional",
    "log_probabilities",
    "steps",
    "steps_to_dict",
    "table",
]

MAX_ROWS = 4096
"""Longer tables are cut to the most probable rows."""
CUT_ROWS = 40
"""The number of rows that are left of them."""
MAX_TERMS = 1 << 31
"""Hidden states x rows x columns up to which the probability of reconstruction is summed."""
MAX_SECONDS = 10.0
"""Probabilities are left out where ln Z is estimated to take longer than this."""


@dataclass(frozen=True)
class Marginal:
    """Probabilities `[n]` of states `[n, N]` of one layer.

    Attributes:
        probability: `[n]`.
    """

    states: np.ndarray
    probability: np.ndarray

    def to_rows(self, letter: str, units: Units) -> list[dict[str, Any]]:
        """A dictionary a state of `units`, with its text under `letter` and its probability."""
        return _rows({letter: units.write_all(self.states), "probability": self.probability})


@dataclass(frozen=True)
class Table:
    """The joint table with the marginals of both layers; `complete` is false where only the most probable rows remain.

    Attributes:
        joint: all configurations.
        visible: Pr{v} of every v.
        hidden: Pr{h} of every h.
    """

    joint: JointTable
    visible: Marginal
    hidden: Marginal
    complete: bool

    def to_dict(self, rbm: RBM) -> dict[str, Any]:
        """The table of `rbm` in plain values, states as text; `partition_function` is infinite beyond the largest number."""
        joint = self.joint
        columns = {"v": rbm.visible.write_all(joint.v), "h": rbm.hidden.write_all(joint.h)}
        columns |= {name: getattr(joint, name) for name in ("energy", "boltzmann_factor", "probability")}
        with np.errstate(over="ignore"):
            result: dict[str, Any] = {"partition_function": float(np.exp(joint.log_partition)), "complete": self.complete}
        result |= {name: getattr(joint, name) for name in ("log_partition", "temperature", "configurations")}
        return result | {
            "rows": _rows(columns),
            "visible": self.visible.to_rows("v", rbm.visible),
            "hidden": self.hidden.to_rows("h", rbm.hidden),
        }


def table(rbm: RBM, temperature: float = 1.0) -> Table:
    """All configurations with their probabilities and both marginals, or the most probable of a model with too many.

    Args:
        rbm: the model.
        temperature: T, above zero.

    Raises:
        InputError: the model is malformed or cannot be enumerated, or the temperature is not a positive number.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> table = hm.lecture.table(rbm)
        >>> isinstance(table, hm.lecture.Table), isinstance(table.visible, hm.lecture.Marginal)
        (True, True)
        >>> table.visible.probability.round(6)
        array([0.125561, 0.220225, 0.220225, 0.433989])
    """
    rbm = model.in_float64(rbm)
    count = exact.configurations(rbm)
    if count is not None and count <= MAX_ROWS:
        joint = exact.joint_table(rbm, temperature)
        grid = joint.probability.reshape(rbm.visible.state_count, -1)  # type: ignore[arg-type]
        visible = Marginal(exact.all_states(rbm.visible), grid.sum(axis=1))
        hidden = Marginal(exact.all_states(rbm.hidden), grid.sum(axis=0))
        return Table(joint, visible, hidden, complete=True)
    joint = exact.most_probable(rbm, CUT_ROWS, temperature)
    cold = exact.at_temperature(rbm, temperature)
    visible = _marginal(cold, np.unique(joint.v, axis=0), joint.log_partition)
    hidden = _marginal(model.transpose(cold), np.unique(joint.h, axis=0), joint.log_partition)
    return Table(joint, visible, hidden, complete=False)


def _marginal(rbm: RBM, states: Float[np.ndarray, "n N"], log_z: float) -> Marginal:
    return Marginal(states, np.exp(exact.log_likelihood(rbm, states, log_z)))


# ---- the chain


@dataclass(frozen=True)
class ChainVisits:
    """How often a Gibbs chain visited configurations, beside their probabilities.

    `v [n, V]`, `h [n, H]`; `frequency [n]` of visits after each sweep; `standard_error [n]` of the frequency, allowing for the
    chain's autocorrelation (NaN for a configuration visited never or always); `probability [n]`, NaN if the model is too large.

    Attributes:
        sweeps: of the chain.
        complete: whether all configurations are listed.
    """

    v: np.ndarray
    h: np.ndarray
    probability: np.ndarray
    frequency: np.ndarray
    standard_error: np.ndarray
    sweeps: int
    visited: int
    complete: bool

    def to_dict(self, rbm: RBM) -> dict[str, Any]:
        """The visits of a chain of `rbm` in plain values, states as text."""
        columns = {"v": rbm.visible.write_all(self.v), "h": rbm.hidden.write_all(self.h)}
        columns |= {name: getattr(self, name) for name in ("probability", "frequency", "standard_error")}
        return {name: getattr(self, name) for name in ("sweeps", "visited", "complete")} | {"rows": _rows(columns)}


def chain(rbm: RBM, start: ArrayLike, sweeps: int, seed: int = 0, temperature: float = 1.0) -> ChainVisits:
    """Run one Gibbs chain from v = `start [V]` and count the configurations (v, h) after each sweep.

    Standard errors are ArviZ's Monte Carlo standard errors of the visits' indicators.

    Args:
        rbm: the model.
        start: v at the beginning, `[V]`.
        sweeps: their number.
        seed: of all random numbers.
        temperature: T, above zero.

    Raises:
        InputError: start is not a visible state, sweeps or seed is out of range, or the units' states cannot be listed.

    Reference: A. Vehtari et al., "Rank-normalization, folding, and localization", Bayesian Analysis 16 (2021).

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> visits = hm.lecture.chain(rbm, [0, 1], sweeps=1000, seed=0)
        >>> isinstance(visits, hm.lecture.ChainVisits), visits.v.shape
        (True, (16, 2))
    """
    rbm = model.in_float64(rbm)
    cold = exact.at_temperature(rbm, temperature)
    start_state = _state(rbm.visible, start, "start")
    sweeps = _checks.integer(sweeps, "sweeps")
    count = exact.configurations(rbm)
    if count is None:
        raise InputError("visits can only be counted where the units' states can be listed")
    visits = _run_chain(cold, start_state, sweeps, _checks.seed(seed))
    complete = count <= MAX_ROWS
    indices, distinct, frequency = _count_visits(visits)
    if complete:
        # Every configuration gets a row, visited or not, in the order of the table.
        joint = exact.joint_table(rbm, temperature)
        v, h, probability = joint.v, joint.h, joint.probability
    else:
        most_visited = distinct[np.argsort(-frequency)[:CUT_ROWS]]
        v, h = np.split(most_visited.astype(np.float64), [rbm.visible.size], axis=1)
        probability = _probabilities(cold, v, h)
    row_of = {row.tobytes(): index for index, row in enumerate(np.concatenate([v, h], axis=1).astype(np.int8))}
    indices = np.array([row_of.get(row.tobytes(), -1) for row in distinct])[indices]
    frequency = np.bincount(indices[indices >= 0], minlength=len(v)) / sweeps
    errors = _standard_errors(indices, frequency)
    return ChainVisits(v, h, probability, frequency, errors, sweeps, len(distinct), complete)


def _run_chain(rbm: RBM, start: Float[np.ndarray, " V"], sweeps: int, seed: int) -> Int8[np.ndarray, "sweeps V+H"]:
    """The configuration (v, h) after each sweep."""
    parts = []
    with float64():
        start_key, sweeps_key = jax.random.split(key_of(seed))
        h = rbm.hidden.sample(start_key, model.hidden_inputs(rbm, start[None]))
        for first in range(0, sweeps, 1 << 16):
            keys = jax.vmap(lambda i: jax.random.fold_in(sweeps_key, i))(jnp.arange(first, min(sweeps, first + (1 << 16))))
            h, part = _sweeps(rbm, h, keys)
            parts.append(np.asarray(part))
    return np.concatenate(parts)


@jax.jit
def _sweeps(rbm: RBM, h: Float[Result, "1 H"], keys: jax.Array) -> tuple[Any, Any]:
    def one(h: jax.Array, key: jax.Array) -> tuple[Any, Any]:
        samples = sweep(key, rbm, h)
        return samples.h, jnp.concatenate([samples.v[0], samples.h[0]]).astype(jnp.int8)

    return jax.lax.scan(one, h, keys)


def _count_visits(
    visits: Int8[np.ndarray, "sweeps columns"],
) -> tuple[Int[np.ndarray, " sweeps"], Int8[np.ndarray, "n columns"], Float[np.ndarray, " n"]]:
    """The index of each sweep's configuration among the distinct ones, these, and their frequencies."""
    rows = np.ascontiguousarray(visits).view(np.dtype((np.void, visits.shape[1]))).ravel()
    _, first, indices, counts = np.unique(rows, return_index=True, return_inverse=True, return_counts=True)
    return indices, visits[first], counts / len(visits)


def _standard_errors(indices: Int[np.ndarray, " sweeps"], frequency: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    from arviz_stats.base import array_stats

    errors = np.full(len(frequency), np.nan)
    for row in np.flatnonzero((frequency > 0) & (frequency < 1)):
        errors[row] = array_stats.mcse((indices == row).astype(float)[None], chain_axis=0, draw_axis=1)
    return errors


def _probabilities(cold: RBM, v: Float[np.ndarray, "n V"], h: Float[np.ndarray, "n H"]) -> Float[np.ndarray, " n"]:
    if exact.estimate_seconds(cold) > MAX_SECONDS:
        return np.full(len(v), np.nan)
    with float64():
        energies = np.asarray(model.energy(cold, v, h))
    return np.exp(-energies - exact.log_partition(cold))


# ---- from the conditionals


@dataclass(frozen=True)
class Conditional:
    """What follows from one layer's state alone.

    For the other layer's units: `total_input [N]` = S, own bias included; `unit_probability [N]` of each unit's upper state
    (binary: 1) given the state. For all the other layer's states `states [n, N]` (None if too many): `conditional [n]` =
    Pr{h|v}, `joint [n]` = Pr{h|v} Pr{v}, and `from_energy [n]` = e^(-E/T) / Z, which must agree. `marginal` = Pr{v}.
    `reconstruction`: Pr{v'|v} of every v' of the layer given (None if too many).

    Attributes:
        given_is_visible: whether the given layer is the visible one.
        temperature: T.
    """

    given: np.ndarray
    given_is_visible: bool
    total_input: np.ndarray
    unit_probability: np.ndarray
    marginal: float
    states: np.ndarray | None
    conditional: np.ndarray | None
    joint: np.ndarray | None
    from_energy: np.ndarray | None
    reconstruction: Marginal | None
    temperature: float

    def to_dict(self, rbm: RBM) -> dict[str, Any]:
        """What follows from one layer of `rbm` in plain values, states as text; None where there are too many."""
        (letter, units), (other, others) = ("v", rbm.visible), ("h", rbm.hidden)
        if not self.given_is_visible:
            letter, units, other, others = other, others, letter, units
        names = [f"{other}{j + 1}" for j in range(others.size)]
        rows = reconstruction = None
        if self.states is not None:
            columns = {other: others.write_all(self.states), "conditional": self.conditional, "probability": self.joint}
            rows = _rows(columns | {"probability_from_energy": self.from_energy})
        if self.reconstruction is not None:
            reconstruction = self.reconstruction.to_rows(letter, units)
        return {
            "given": {letter: units.write(self.given)},
            "temperature": self.temperature,
            "marginal": self.marginal,
            "units": _rows({"unit": names, "total_input": self.total_input, "probability": self.unit_probability}),
            "rows": rows,
            "reconstruction": reconstruction,
        }


def conditional(rbm: RBM, given: ArrayLike, given_is_visible: bool = True, temperature: float = 1.0) -> Conditional:
    """The lecture's second way to the table: from the conditionals, given the visible (or hidden) state `given`.

    Args:
        rbm: the model.
        given: a state of one layer, `[V]` or `[H]`.
        given_is_visible: whether it is one of the visible layer.
        temperature: T, above zero.

    Raises:
        InputError: `given` is not a state of the layer, the other layer's units do not have two states, or the model cannot be
            enumerated.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> given = hm.lecture.conditional(rbm, [0, 1])
        >>> isinstance(given, hm.lecture.Conditional), given.unit_probability.round(6)
        (True, array([0.622459, 0.622459]))
    """
    rbm = model.in_float64(rbm)
    _checks.boolean(given_is_visible, "given_is_visible")
    forward = rbm if given_is_visible else model.transpose(rbm)
    cold = exact.at_temperature(forward, temperature)
    state = _state(forward.visible, given, "v" if given_is_visible else "h")
    inputs = state @ cold.weights
    with float64():
        mean = np.asarray(cold.hidden.mean(inputs))
    log_z = exact.log_partition(cold)
    marginal = float(np.exp(exact.log_likelihood(cold, state, log_z)))
    states = probabilities = joint = from_energy = reconstruction = None
    if _listable(forward.hidden):
        states = exact.all_states(forward.hidden)
        with float64():
            probabilities = np.exp(np.asarray(cold.hidden.log_probability(states, inputs)))
            from_energy = np.exp(-np.asarray(model.energy(cold, state, states)) - log_z)
        joint = probabilities * marginal
        if _listable(forward.visible):
            others = exact.all_states(forward.visible)
            log_p = exact.log_reconstruction(cold, np.tile(state, (len(others), 1)), others)
            reconstruction = Marginal(others, np.exp(log_p))
    return Conditional(
        state,
        given_is_visible,
        (inputs + cold.hidden.bias) * temperature,
        _upper_probability(forward.hidden, mean),
        marginal,
        states,
        probabilities,
        joint,
        from_energy,
        reconstruction,
        float(temperature),
    )


def _state(units: Units, x: ArrayLike, name: str) -> Float[np.ndarray, " N"]:
    state = units.check(x, name).astype(np.float64)
    if state.ndim != 1:
        raise InputError(f"{name} must be one state, of shape [{units.size}], but has {list(state.shape)}")
    return state


def _listable(units: Units) -> bool:
    count = units.state_count
    return count is not None and count <= MAX_ROWS


def _upper_probability(units: Units, mean: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    values = units.unit_states
    if values is None or values.shape != (2, 1):
        raise InputError(f"the lecture's tables are for units of two states, not for {units.name} ones")
    low, high = values.ravel()
    return (mean - low) / (high - low)


# ---- one gradient step


@dataclass(frozen=True)
class Step:
    """One step up an estimate of the gradient of the mean ln p(v).

    `positive`, `negative`: the two terms; `delta`: what was added to each parameter; `after`: the model after the step; all are
    RBMs. `log_probability` and `log_reconstruction`: means of ln p(v) and ln p(v|v) over the data after the step (the
    latter NaN where the hidden layer is too large to sum over). `trace`: for CD the sampled (v, h, v', h'), rows of the data.
    """

    positive: RBM
    negative: RBM
    delta: RBM
    after: RBM
    log_probability: float
    log_reconstruction: float
    trace: tuple[np.ndarray, ...] | None


def steps(
    rbm: RBM,
    data: ArrayLike,
    estimator: Estimator,
    rate: float,
    *,
    temperature: float = 1.0,
    steps: int = 1,
    freeze_biases: bool = False,
    seed: int = 0,
) -> list[Step]:
    """`steps` steps of gradient ascent on the mean ln p(v) of the rows of `data [n, V]`.

    delta = rate / T * (positive - negative), all rows in every step.

    Args:
        rbm: the model.
        data: rows `[n, V]`.
        estimator: of the gradient, such as `harmonium.gradients.exact()`.
        rate: the learning rate.
        temperature: T, above zero.
        steps: their number.
        freeze_biases: leave the biases as they are.
        seed: of all random numbers.

    Raises:
        InputError: an argument is out of range or of another type, or the model is too large for ln p(v) to be computed.

    Example:
        >>> import numpy as np
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> [step] = hm.lecture.steps(rbm, [[0, 1]], hm.gradients.exact(), rate=0.1, freeze_biases=True)
        >>> isinstance(step, hm.lecture.Step), round(float(np.exp(step.log_probability)), 6)
        (True, 0.230678)
    """
    rate = _checks.positive(rate, "rate")
    _checks.instance(estimator, Estimator, "estimator", "an estimator such as harmonium.cd()")
    steps = _checks.integer(steps, "steps")
    _checks.boolean(freeze_biases, "freeze_biases")
    rows = model.check_rows(rbm, data).astype(np.float64)
    for layer in (rbm.visible, rbm.hidden):
        if not isinstance(layer, Discrete):
            raise InputError(f"a step is for units with biases alone, not for {layer.name} ones; harmonium.train takes those")
    rbm = to_float64(rbm)
    gradient = jax.jit(estimator.gradient)
    results = []
    with float64(), np.errstate(over="ignore", invalid="ignore"):  # the result is checked
        init_key, key = jax.random.split(key_of(seed))
        state = estimator.init(init_key, exact.at_temperature(rbm, temperature))
        for index in range(steps):
            cold = exact.at_temperature(rbm, temperature)
            slope, state, terms = gradient(jax.random.fold_in(key, index), cold, state, rows)
            delta = jax.tree.map(lambda g: np.asarray(g) * (rate / temperature), slope)
            if freeze_biases:
                visible, hidden = jax.tree.map(np.zeros_like, (delta.visible, delta.hidden))
                delta = RBM(visible, hidden, delta.weights)
            rbm = jax.tree.map(lambda old, change: old + change, rbm, delta)
            positive, negative = jax.tree.map(np.asarray, (terms.positive, terms.negative))
            trace = None if terms.trace is None else tuple(np.asarray(part) for part in terms.trace)
            results.append(Step(positive, negative, delta, rbm, *log_probabilities(rbm, rows, temperature), trace))
    return results


def steps_to_dict(rbm: RBM, data: ArrayLike, steps: list[Step], temperature: float = 1.0) -> dict[str, Any]:
    """The steps from `rbm` in plain values: both terms of the last one, the sum of all changes, and the tables around them.

    Args:
        rbm: the model.
        data, temperature: those that `steps` were taken with.
        steps: of `steps`, one or more.

    Raises:
        InputError: as `table` and `log_probabilities`, or `steps` are none.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> steps = hm.lecture.steps(rbm, [[0, 1]], hm.gradients.exact(), rate=0.1)
        >>> round(hm.lecture.steps_to_dict(rbm, [[0, 1]], steps)["steps"][0]["probability"], 6)
        0.243298
    """
    if not steps or not all(isinstance(step, Step) for step in steps):
        raise InputError("steps must be one or more steps, as harmonium.lecture.steps makes them")
    last = steps[-1]
    before = log_probabilities(rbm, data, temperature)
    logs = [before, *((step.log_probability, step.log_reconstruction) for step in steps)]
    progress = _rows(dict(zip(("probability", "reconstruction"), np.exp(logs).T, strict=True)))
    total = jax.tree.map(lambda *parts: sum(parts), *(step.delta for step in steps))
    terms = {"positive": last.positive, "negative": last.negative, "delta": total, "parameters": last.after}
    result: dict[str, Any] = {name: _parameters(term) for name, term in terms.items()} | {"steps": progress[1:]}
    for when, model_then, at in (("before", rbm, 0), ("after", last.after, -1)):
        result |= {f"{name}_{when}": value for name, value in progress[at].items()}
        result[f"log_likelihood_{when}"] = logs[at][0]
        result[when] = table(model_then, temperature).to_dict(model_then)
    if last.trace is not None:
        names, layers = ("v", "h", "v_reconstructed", "h_reconstructed"), (rbm.visible, rbm.hidden) * 2
        pairs = zip(layers, last.trace, strict=True)
        result["trace"] = dict(zip(names, (list(units.write_all(states)) for units, states in pairs), strict=True))
    return result


def _parameters(rbm: RBM) -> dict[str, np.ndarray]:
    return {"weights": rbm.weights, "visible_bias": rbm.visible.bias, "hidden_bias": rbm.hidden.bias}


def log_probabilities(rbm: RBM, rows: ArrayLike, temperature: float = 1.0) -> tuple[float, float]:
    """The means over `rows` of ln p(v) and of ln p(v|v), the latter NaN where the hidden layer is too large to sum over.

    Args:
        rbm: the model.
        rows: `[n, V]`.
        temperature: T, above zero.

    Raises:
        InputError: a malformed model, rows outside the units' domain or none, or a temperature that is no number above zero.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> [round(float(x), 6) for x in hm.lecture.log_probabilities(rbm, [[0, 1]])]
        [-1.513105, -1.50388]
    """
    cold = exact.at_temperature(model.in_float64(rbm), temperature)
    v = model.check_rows(rbm, rows, "rows").astype(np.float64)
    return float(exact.log_likelihood(cold, v).mean()), mean_log_reconstruction(cold, v)


def mean_log_reconstruction(rbm: RBM, rows: np.ndarray) -> float:
    """The mean over `rows [n, V]` of ln p(v|v), in nats; NaN where the hidden layer is too large to sum over."""
    states = rbm.hidden.state_count
    if states is None or states * len(rows) * max(rbm.weights.shape) > MAX_TERMS:
        return float("nan")
    return float(exact.log_reconstruction(rbm, rows).mean())


def _rows(columns: Mapping[str, object]) -> list[dict[str, Any]]:
    """Columns of equal length as a dictionary a row, of plain values."""
    values = [column.tolist() if isinstance(column, np.ndarray) else column for column in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]
