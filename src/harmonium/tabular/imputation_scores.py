"""How good imputations are, where the true values of missing cells are known: proper scores of whole rows.

The energy score judges draws, the log score ln p(missing cells | observed cells) the model itself.

Reference: as `harmonium.diagnostics.energy_score`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from harmonium import _checks, imputation
from harmonium.diagnostics.cells import Embedding, Group
from harmonium.diagnostics.energy_score import energy_score
from harmonium.errors import InputError
from harmonium.io.frames import Frame, from_native
from harmonium.model import RBM
from harmonium.tabular.schema import Schema
from harmonium.tabular.table_comparison import columns_of, table_cells


class ImputationScores(NamedTuple):
    """Scores of each row `[n]`, NaN where no missing cell has a known value.

    `energy`: the energy score of the draws, numbers in standard deviations of the table's observed cells, two categories at a
    distance of 1; the lower the better. `independent`: that of as many draws from each column's observed cells. `cells`: how
    many cells are judged.
    """

    energy: Float[np.ndarray, " n"]
    independent: Float[np.ndarray, " n"]
    cells: int


def score_draws(schema: Schema, truth: object, table: object, draws: Sequence[object], *, seed: int = 0) -> ImputationScores:
    """Judge completed tables, such as `impute(...).draws`, by a table that has the values of the missing cells.

    Args:
        schema: of the table (`infer`, or `load` of a trained model).
        truth: the same rows with true values of missing cells, of all or of some.
        table: with gaps.
        draws: two or more tables without.
        seed: of the draws from single columns.

    Raises:
        InputError: a table does not fit the schema, `truth` differs in a cell that `table` has, or no missing cell is known.

    Reference: T. Gneiting and A. Raftery, "Strictly proper scoring rules, prediction, and estimation", JASA 102 (2007).

    Example:
        >>> import harmonium as hm
        >>> truth = {"smokes": ["yes", "no", "yes", "no"], "coughs": ["yes", "no", "yes", "no"]}
        >>> schema = hm.tabular.infer(truth)
        >>> table = truth | {"smokes": [None, "no", "yes", "no"]}
        >>> hm.tabular.score_draws(schema, truth, table, [truth, truth], seed=0).cells
        1
    """
    frame, known = from_native(table), from_native(truth, "truth")
    scored = _scored(schema, known, frame)
    random = np.random.default_rng(_checks.seed(seed))
    cells, true_cells = table_cells(schema, frame), table_cells(schema, known)
    completed = [
        table_cells(schema, from_native(each, "draws")) for each in _checks.instance(draws, Sequence, "draws", "a list")
    ]
    if any(len(each) != len(cells) for each in completed):
        raise InputError(f"draws must have the {len(cells):,} rows of the table")
    alone = [cells.copy() for _ in completed]
    for index, column in enumerate(cells.T):
        observed = column[~np.isnan(column)]
        for each in alone:
            gaps = scored[:, index]
            # A column without any observed cell has nothing to draw from but the truth.
            each[gaps, index] = random.choice(observed if len(observed) else true_cells[gaps, index], gaps.sum())
    embed = Embedding.of(columns_of(schema), Group(cells, np.ones(len(cells))))
    points = embed(true_cells)
    judged = np.repeat(scored, embed.widths, axis=1)
    energy, independent = (energy_score(points, [embed(each) for each in some], judged) for some in (completed, alone))
    return ImputationScores(energy, independent, int(scored.sum()))


def log_scores(rbm: RBM, schema: Schema, truth: object, table: object, *, seed: int = 0) -> Float[np.ndarray, " n"]:
    """ln p(missing cells | observed cells) of each row in nats, of the missing cells whose value `truth` has; NaN without any.

    The density of real and binned columns is that in standard deviations. ln Z cancels.

    Args:
        rbm: the model.
        schema: of the table (`infer`, or `load` of a trained model).
        truth: the same rows with true values of missing cells, of all or of some.
        table: with gaps.
        seed: of all random numbers.

    Raises:
        InputError: as `score_draws`.

    Example:
        >>> import harmonium as hm
        >>> truth = {"smokes": ["yes", "no", "yes", "no"], "coughs": ["yes", "no", "yes", "no"]}
        >>> schema = hm.tabular.infer(truth)
        >>> rbm = hm.RBM(hm.tabular.units_of(schema), hm.Spin([-4.0]), [[4.0], [4.0]])
        >>> hm.tabular.log_scores(rbm, schema, truth, truth | {"smokes": [None, "no", "yes", "no"]}).round(3)
        array([-0.036,    nan,    nan,    nan])
    """
    frame, known = from_native(table), from_native(truth, "truth")
    scored = _scored(schema, known, frame)
    gaps, values = schema.encode(frame, "missing"), schema.encode(known, "missing")
    here = np.flatnonzero(scored.any(axis=1))
    both = np.concatenate([np.where(np.isnan(gaps), values, gaps)[here], gaps[here]])
    whole, part = np.split(imputation.log_prob(rbm, both, log_partition=0.0, seed=seed).value, 2)
    result = np.full(len(gaps), np.nan)
    density = sum(column.log_density(known[column.name]) * scored[:, index] for index, column in enumerate(schema.columns))
    result[here] = whole - part + density[here]
    return result


def _scored(schema: Schema, truth: Frame, table: Frame) -> Bool[np.ndarray, "n columns"]:
    """The cells that the table lacks and the truth has."""
    if len(truth) != len(table):
        raise InputError(f"truth must have the rows of the table, {len(table):,}, but has {len(truth):,}")
    true_cells, cells = table_cells(_checks.instance(schema, Schema, "schema"), truth), table_cells(schema, table)
    differs = ~np.isnan(cells) & ~np.isnan(true_cells) & ~np.isclose(cells, true_cells, rtol=1e-9)
    if differs.any():
        row, index = np.argwhere(differs)[0]
        name = schema.columns[index].name
        raise InputError(
            f"truth must be the table with its gaps filled, but differs from it in column {name!r} of row {row + 1}"
        )
    scored = np.isnan(cells) & ~np.isnan(true_cells)
    if not scored.any():
        raise InputError("truth must have the value of at least one cell that is missing in the table, but has none")
    return scored
