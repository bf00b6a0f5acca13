"""Rows with missing cells, by enumeration: p(v_o), and the distribution of the missing cells m given v_o.

Each row by the cheaper of two sums. Over its completions, that is over all values of its missing cells (real ones by
quadrature), the hidden units are summed in closed form:

    p(v_o) Z = sum_{v_m} exp(-F(v_o, v_m)).

Over the hidden states, given which the visible units are independent, the missing cells are summed unit by unit:

    p(h, v_o) Z = exp(-hidden.energy(h) + sum_{i in o} (v_i f_i(h) - energy_i(v_i)) + sum_{i in m} ln Z_i(f_i(h))),

where f(h) = W h are the visible units' inputs and ln Z_i their log normalizers. Given v_o alone the hidden units are not
independent: to leave the missing cells out of their inputs would be another model.

Reference: R. Little and D. Rubin, "Statistical Analysis with Missing Data", 2002, chapter 8 (the observed-data likelihood).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from harmonium import model
from harmonium._numerics import float64
from harmonium._types import Array, Key, Result
from harmonium.errors import InputError
from harmonium.exact import host, normal
from harmonium.exact.enumerate import MAX_STATES, count_of
from harmonium.exact.quadrature import count_points, list_values
from harmonium.model import RBM, in_float64
from harmonium.random import uniform
from harmonium.units.given import missing_units

BLOCK_ELEMENTS = 1 << 20
"""Numbers in the largest array of a block of states: 8 MiB in float64; a few blocks are alive at once."""
MAX_ROWS = 256
"""Rows that are summed over hidden states at once, at most."""
CHUNK_ELEMENTS = 1 << 22
"""Completions x visible columns at once: 32 MiB."""
MAX_COMPLETIONS = 1 << 13
"""Of a row, at most: some 10 ms, which is ten times what annealing takes."""
MAX_TERMS = 1 << 32
"""Costs that count as cheap, all rows together, in visible columns of a hidden state: some ten seconds on two cores ..."""
ALWAYS_CHEAP = 1024
"""... and those of one row that are cheap whatever the others are, in completions: no estimate takes less."""
UNIT_TERMS = 8
"""The cost of a hidden unit in a completion."""


class Posterior(NamedTuple):
    """Given the observed cells: `log_weight [n]` = ln p(v_o) + ln Z; `mean`, `square [n, V]` = E[v | v_o], E[v^2 | v_o]."""

    log_weight: Any
    mean: Any
    square: Any


class Completions(NamedTuple):
    """All completions of rows: complete rows `v [n, V]`, and `log_weight [n]` = ln p(v) + ln Z, times the volume of real cells.

    Those of row r begin at `starts[r]`.
    """

    starts: Int[np.ndarray, " rows"]
    v: Float[np.ndarray, "n V"]
    log_weight: Float[np.ndarray, " n"]

    def normalize(self) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " n"]]:
        """ln p(v_o) + ln Z of each row, and p(v_m | v_o) of each completion, times the volume."""
        counts = np.diff(self.starts, append=len(self.v))
        largest = np.maximum.reduceat(self.log_weight, self.starts)
        p = np.exp(self.log_weight - np.repeat(largest, counts))
        total = np.add.reduceat(p, self.starts)
        return largest + np.log(total), p / np.repeat(total, counts)

    def expect(self, p: Float[np.ndarray, " n"], values: Float[np.ndarray, "n N"]) -> Float[np.ndarray, "rows N"]:
        """The means of values of the completions under their probabilities."""
        return np.add.reduceat(p[:, None] * values, self.starts)

    def draw(self, random: np.random.Generator, draws: int) -> Float[np.ndarray, "draws rows V"]:
        """Completions drawn by their probabilities."""
        ends = np.append(self.starts[1:], len(self.v)) - 1
        cumulative = np.cumsum(self.normalize()[1])
        low = np.concatenate([[0], cumulative[ends[:-1]]])
        at = low + random.random((draws, len(ends))) * (cumulative[ends] - low)
        return self.v[np.clip(np.searchsorted(cumulative, at, side="right"), self.starts, ends)]


def cheap_rows(rbm: RBM, v: Float[np.ndarray, "n V"], max_terms: int = MAX_TERMS) -> Bool[np.ndarray, " n"]:
    """For which rows enumeration takes seconds only, all of these together."""
    if normal.is_normal(rbm):
        return np.ones(len(v), bool)
    cost = _costs(rbm, v).min(axis=0)
    order = np.argsort(cost, kind="stable")
    cheap = cost <= ALWAYS_CHEAP * _completion_terms(rbm)
    cheap[order[np.cumsum(cost[order]) <= max_terms]] = True
    return cheap


def _completion_terms(rbm: RBM) -> float:
    return UNIT_TERMS * rbm.hidden.size + rbm.weights.size / UNIT_TERMS


def _costs(rbm: RBM, v: Float[np.ndarray, "n V"]) -> Float[np.ndarray, "2 n"]:
    """What each row costs by its completions, and by the hidden states."""
    completions = count_completions(rbm, v)
    completions[completions > min(MAX_COMPLETIONS, CHUNK_ELEMENTS // v.shape[1])] = np.inf
    states = rbm.hidden.state_count
    hidden = np.inf if states is None or states > MAX_STATES else float(states)
    # Columns that depend on each other take a product of matrices.
    by_hidden = np.full(len(v), hidden * rbm.visible.size * (1 if rbm.visible.independent else rbm.visible.size))
    return np.stack([completions * _completion_terms(rbm), by_hidden])


def _by_hidden_states(rbm: RBM, v: Float[np.ndarray, "n V"]) -> Bool[np.ndarray, " n"]:
    """Which rows are summed over hidden states.

    Raises:
        InputError: a row can be summed neither so nor over its completions.
    """
    by_completions, by_states = _costs(rbm, v)
    neither = np.flatnonzero(np.isinf(by_completions) & np.isinf(by_states))
    if len(neither):
        raise InputError(
            f"row {neither[0] + 1} of v has too many missing cells to be summed over, and the hidden units of {rbm!r} cannot "
            "be enumerated: use gibbs"
        )
    return by_states < by_completions


def count_completions(rbm: RBM, v: Float[np.ndarray, "n V"]) -> Float[np.ndarray, " n"]:
    """How many completions each row has, infinitely many where a real cell has no quadrature."""
    absent = np.isnan(v[:, rbm.visible.boundaries[:-1]])
    tables = rbm.visible.unit_tables
    real = np.array([table is None for table in tables])
    points = count_points(rbm) if absent[:, real].any() else np.inf
    counts = np.array([points if table is None else len(table) for table in tables], float)
    with np.errstate(over="ignore"):
        return np.where(absent, counts, 1.0).prod(axis=1)


def posterior(rbm: RBM, v: Float[Array, "n V"], moments: bool = True) -> Posterior:
    """ln p(v_o) + ln Z, and the moments of every cell given v_o, for rows with NaN where missing, in float64.

    Args:
        moments: False for none, which are not asked for.
    """
    rbm, v = in_float64(rbm), np.asarray(v, dtype=np.float64)
    gaussian = normal.normal_of(rbm)
    if gaussian is not None:
        return Posterior(*normal.posterior(gaussian, v))
    result = Posterior(np.empty(len(v)), v.copy(), v**2)
    hidden = _by_hidden_states(rbm, v)
    for here, found in complete(rbm, v, np.flatnonzero(~hidden)):
        result.log_weight[here], p = found.normalize()
        if moments:
            result.mean[here], result.square[here] = found.expect(p, found.v), found.expect(p, found.v**2)
    if hidden.any():
        parts = _in_blocks(partial(_posterior, moments=moments), rbm, v[hidden])
        for whole, part in zip(result, parts, strict=False):
            whole[hidden] = part
    return result


def draw_missing(rbm: RBM, v: Float[Array, "n V"], draws: int, key: Key) -> Float[np.ndarray, "draws n V"]:
    """Independent draws of rows from p(v | v_o), in float64."""
    rbm, v = in_float64(rbm), np.asarray(v, dtype=np.float64)
    random = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    gaussian = normal.normal_of(rbm)
    if gaussian is not None:
        return normal.draw_missing(gaussian, random, v, draws)
    drawn = np.empty((draws, *v.shape))
    hidden = _by_hidden_states(rbm, v)
    for here, found in complete(rbm, v, np.flatnonzero(~hidden)):
        filled = found.draw(random, draws)
        # A sweep from exact draws leads to exact draws, and from the points of a quadrature to the continuum.
        with float64():
            own = jax.random.fold_in(key, len(v) + here[0])
            drawn[:, here] = filled if rbm.visible.bounded else _sweep(own, rbm, v[here], filled)
    if hidden.any():
        (samples,) = _in_blocks(partial(_draw, key=key, draws=draws), rbm, v[hidden], draws)
        drawn[:, hidden] = np.moveaxis(samples, 1, 0)
    return drawn


@jax.jit
def _sweep(key: Key, rbm: RBM, v: Float[Array, "n V"], filled: Float[Array, "draws n V"]) -> Float[Result, "draws n V"]:
    h_key, v_key = jax.random.split(key)
    h = rbm.hidden.sample(h_key, model.hidden_inputs(rbm, filled))
    return rbm.visible.given(v).sample(v_key, model.visible_inputs(rbm, h))


# ---- over completions


def complete(
    rbm: RBM, v: Float[np.ndarray, "n V"], chosen: Int[np.ndarray, " rows"]
) -> Iterator[tuple[Int[np.ndarray, " some"], Completions]]:
    """All completions of the chosen rows of a model in float64, some rows at a time, with their indices."""
    if not len(chosen):
        return
    counts = count_completions(rbm, v[chosen]).astype(np.int64)
    # Real units that no row lacks need no quadrature, which there may not be.
    whole = ~np.isnan(v[chosen]).any(axis=0)[rbm.visible.boundaries[:-1]]
    if any(table is None and not full for table, full in zip(rbm.visible.unit_tables, whole, strict=True)):
        each = list_values(rbm)
    else:
        tables = (np.zeros((1, 1)) if table is None else table for table in rbm.visible.unit_tables)
        each = [(table, np.zeros(len(table))) for table in tables]
    shape = max(len(volumes) for _, volumes in each), max(values.shape[1] for values, _ in each)
    values, volumes = np.zeros((len(each), *shape)), np.zeros((len(each), shape[0]))
    for unit, (own, volume) in enumerate(each):
        values[unit, : len(own), : own.shape[1]], volumes[unit, : len(own)] = own, volume
    sizes = np.array([len(volume) for _, volume in each])
    most = max(CHUNK_ELEMENTS // v.shape[1], counts.max())
    chunk = np.cumsum(counts) // most
    length = BLOCK_ELEMENTS // max(values[:, 0].size, *rbm.weights.shape)
    length = min(1 << max(0, length.bit_length() - 1), 1 << (int(counts.sum()) - 1).bit_length())
    for part in np.unique(chunk):
        here, count = chosen[chunk == part], counts[chunk == part]
        starts = np.cumsum(count) - count
        row = np.repeat(np.arange(len(here)), count)
        number = np.arange(len(row)) - starts[row]
        rows = v[here]

        def fill(block: int, rows: Any = rows, row: Any = row, number: Any = number) -> tuple[Any, Any]:
            own = row[block * length : (block + 1) * length]
            digit = number[block * length : (block + 1) * length]
            missing = length - len(own)
            of_rows = np.resize(rows[own[0] : own[-1] + 1], (length, rows.shape[1]))
            return _fill(rbm, values, volumes, sizes, of_rows, np.pad(own - own[0], (0, missing)), np.pad(digit, (0, missing)))

        filled, log_weights = zip(*host.run(fill, -(-len(row) // length)), strict=True)
        yield here, Completions(starts, np.concatenate(filled)[: len(row)], np.concatenate(log_weights)[: len(row)])


@jax.jit
def _fill(
    rbm: RBM,
    values: Float[Array, "units K W"],
    volumes: Float[Array, "units K"],
    sizes: Int[Array, " units"],
    v: Float[Array, "n V"],
    row: Int[Array, " n"],
    number: Int[Array, " n"],
) -> tuple[Float[Result, "n V"], Float[Result, " n"]]:
    """Completion `number` of row `row`, and its ln p(v) + ln Z times its volume; the first unit is the leading digit."""
    absent = missing_units(rbm.visible, v)
    counts = jnp.where(absent, sizes, 1)
    powers = jnp.cumprod(counts[:, ::-1], axis=1)[:, ::-1] // counts
    digits = number[:, None] // powers[row] % counts[row]
    units = jnp.arange(len(sizes))
    widths = np.diff(rbm.visible.boundaries)
    columns = np.flatnonzero(np.arange(values.shape[2]) < widths[:, None])
    filled = values[units, digits].reshape(len(v), -1)[:, columns]
    filled = jnp.where(jnp.isnan(v[row]), filled, v[row])
    volume = jnp.sum(jnp.where(absent[row], volumes[units, digits], 0), axis=1)
    return filled, volume - model.free_energy(rbm, filled)


# ---- over hidden states


def in_batches(function: Callable[[int, np.ndarray], Any], v: np.ndarray, rows: int) -> tuple[np.ndarray, ...]:
    """Calls `function(index of the first row, rows)` with `rows` rows at a time and concatenates what it returns.

    In float64, on all cores. The last batch is padded, so the same compiled code serves all of them.
    """

    def of_batch(index: int) -> list[np.ndarray]:
        batch = v[index * rows : (index + 1) * rows]
        padded = np.concatenate([batch, np.repeat(batch[:1], rows - len(batch), axis=0)])
        return [np.asarray(array)[: len(batch)] for array in function(index * rows, padded)]

    return tuple(np.concatenate(column) for column in zip(*host.run(of_batch, -(-len(v) // rows)), strict=True))


def _in_blocks(function: Callable[..., Any], rbm: RBM, v: Float[Array, "n V"], copies: int = 1) -> tuple[np.ndarray, ...]:
    v = np.asarray(v, dtype=np.float64)
    # A power of two, so that code compiled for some rows serves as many others.
    rows = max(1, min(1 << max(0, len(v) - 1).bit_length(), MAX_ROWS // copies))
    count = count_of(rbm.hidden)
    most = max(1, BLOCK_ELEMENTS // max(rows, *rbm.weights.shape))
    length = min(1 << (count - 1).bit_length(), 1 << (most.bit_length() - 1))
    with float64():
        return in_batches(lambda first, batch: function(rbm, batch, first=first, length=length), v, rows)


def _block(rbm: RBM, row: Any, index: jax.Array, length: int) -> tuple[Any, Any]:
    """Hidden states index * length ..., `[length, H]`, and their log weights with each row, -inf beyond the last state."""
    indices = index * length + jnp.arange(length)
    h = rbm.hidden.states(indices)
    return h, jnp.where(indices < count_of(rbm.hidden), joint_log_weights(rbm, row, h), -jnp.inf)


def joint_log_weights(rbm: RBM, row: Any, h: Float[Array, "K H"]) -> Float[Result, "B K"]:
    """ln p(h, v_o) + ln Z for each row, `rbm.visible.given(v)`, and hidden state; traceable."""
    return row.log_normalizers(model.visible_inputs(rbm, h)) - rbm.hidden.energy(h)


def _block_count(rbm: RBM, length: int) -> Any:
    return jnp.asarray(-(-count_of(rbm.hidden) // length))


@partial(jax.jit, static_argnames=("length", "moments"))
def _posterior(rbm: RBM, v: Float[Array, "B V"], *, first: int | jax.Array, length: int, moments: bool) -> tuple[Any, ...]:  # noqa: ARG001 (all of `_in_blocks` are called alike)
    def body(index: jax.Array, carry: tuple[jax.Array, ...]) -> Any:
        largest, total, *sums = carry
        h, log_weights = _block(rbm, row, index, length)
        new = jnp.maximum(largest, jnp.max(log_weights, axis=1))
        scale, p = jnp.exp(largest - new), jnp.exp(log_weights - new[:, None])
        if moments:
            each = row.sum_moments(p, model.visible_inputs(rbm, h))
            sums = [old * scale[:, None] + new_moment for old, new_moment in zip(sums, each, strict=True)]
        return new, total * scale + p.sum(axis=1), *sums

    row = rbm.visible.given(v)
    zeros = [jnp.zeros(v.shape, v.dtype)] * 2 if moments else []
    start = (jnp.full(len(v), -jnp.inf, v.dtype), jnp.zeros(len(v), v.dtype), *zeros)
    blocks = _block_count(rbm, length)
    largest, total, *sums = jax.lax.fori_loop(jnp.zeros_like(blocks), blocks, body, start)
    knowns = zip(sums, (v, v**2), strict=False)
    return largest + jnp.log(total), *(jnp.where(jnp.isnan(v), each / total[:, None], known) for each, known in knowns)


@partial(jax.jit, static_argnames=("draws", "length"))
def _draw(rbm: RBM, v: Float[Array, "B V"], *, key: Key, draws: int, first: int | jax.Array, length: int) -> tuple[Any]:
    choice_key, v_key = jax.random.split(jax.random.fold_in(key, first))

    def body(index: jax.Array, carry: tuple[jax.Array, jax.Array]) -> Any:
        # A state of this block by its weights, in place of one from the blocks before with the probability of this one.
        log_total, drawn = carry
        _, log_weights = _block(rbm, row, index, length)
        largest = jnp.max(log_weights, axis=1)
        cumulative = jnp.cumsum(jnp.exp(log_weights - largest[:, None]), axis=1)
        log_sum = largest + jnp.log(cumulative[:, -1])
        new_total = jnp.logaddexp(log_total, log_sum)
        block_key, state_key = jax.random.split(jax.random.fold_in(choice_key, index))
        chosen = uniform(block_key, shape, v.dtype) < jnp.exp(log_sum - new_total)
        at = uniform(state_key, shape, v.dtype) * cumulative[:, -1]
        state = jax.vmap(partial(jnp.searchsorted, side="right"), (0, 1), 1)(cumulative, at)
        return new_total, jnp.where(chosen, index * length + jnp.minimum(state, length - 1), drawn)

    shape, row = (draws, len(v)), rbm.visible.given(v)
    blocks = _block_count(rbm, length)
    start = (jnp.full(len(v), -jnp.inf, v.dtype), jnp.zeros(shape, blocks.dtype))
    _, drawn = jax.lax.fori_loop(jnp.zeros_like(blocks), blocks, body, start)
    h = rbm.hidden.states(jnp.minimum(drawn, count_of(rbm.hidden) - 1))
    samples = row.sample(v_key, model.visible_inputs(rbm, h))
    return (jnp.moveaxis(samples, 0, 1),)
