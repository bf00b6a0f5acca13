"""Which hidden units contribute to the probability of a row, and by which of its cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harmonium import _checks, imputation, model
from harmonium._numerics import float64, to_float64
from harmonium.errors import InputError
from harmonium.io.frames import from_native
from harmonium.model import RBM
from harmonium.tabular.schema import Schema
from harmonium.units import Units


class HiddenContribution(NamedTuple):
    """The contribution of one hidden unit to -F of a row.

    `nats`: its log normalizer above that at an average row. `mean`: E[h | v], of a binary unit the probability that it is on.
    `inputs`: v . W above that of an average row, column by column of the table; empty for units of several columns.
    """

    unit: int
    nats: float
    mean: float
    inputs: dict[str, float]


class Explanation(NamedTuple):
    """-F of a row and its parts: `visible`, minus the energy of the visible units, and the hidden units' log normalizers.

    `free_energy`: F(v) in nats. `average`: the sum of the hidden units' log normalizers at an average row; with it
    -F = visible + average + sum of the contributions' nats. `contributions`: the largest first. `filled`: columns that were
    missing in the row and hold their most probable values here. `unseen`: those of them with a value not met in training.
    """

    free_energy: float
    visible: float
    average: float
    contributions: list[HiddenContribution]
    filled: list[str]
    unseen: list[str]


def explain(
    rbm: RBM, schema: Schema, table: object, row: int, *, average: Units | None = None, unseen: str = "missing", seed: int = 0
) -> Explanation:
    """The contributions of the hidden units to -F of a row, and of its cells to their inputs.

    Everything is compared with an average row m, so that it does not depend on which state of a cell is called 0:
    unit j contributes ln Z_j(v . W_j) - ln Z_j(m . W_j), with ln Z_j its log normalizer, ln(1 + e^S) for a binary unit.

    Args:
        rbm: the model.
        schema: of the table (`infer`, or `load` of a trained model).
        table: a frame of a library that narwhals knows, or a dict of columns.
        row: its index, from 0.
        average: visible units whose mean is m, such as the base rate in a model file; by default the model's own visible
            biases.
        unseen: as in `impute`.
        seed: of all random numbers.

    Raises:
        InputError: the table does not fit the schema, or has no such row.

    Example:
        >>> import harmonium as hm
        >>> table = {"smokes": ["yes", "no", "yes", "no"], "coughs": ["yes", "no", "yes", "no"]}
        >>> schema = hm.tabular.infer(table)
        >>> rbm = hm.RBM(hm.tabular.units_of(schema), hm.Spin([-4.0]), [[4.0], [4.0]])
        >>> [part.unit for part in hm.tabular.explain(rbm, schema, table, row=0).contributions]
        [0]
    """
    model.validate(rbm)
    _checks.instance(schema, Schema, "schema")
    if average is not None and not rbm.visible.same_structure(average):
        raise InputError(f"average must be visible units such as the model's, but is {average!r:.60}")
    frame = from_native(table)
    if not 0 <= _checks.integer(row, "row", 0) < len(frame):
        raise InputError(f"there is no row {row}; the table has {len(frame)}")
    encoded = schema.encode(frame.rows([row]), unseen)
    v = imputation.impute(rbm, encoded, seed=seed).values
    rbm = to_float64(rbm)
    with float64():
        m = np.asarray((rbm.visible if average is None else average).mean(np.zeros(rbm.visible.size)), dtype=np.float64)[None]
        inputs, mean_inputs = (np.asarray(model.hidden_inputs(rbm, x)) for x in (v, m))
        terms, mean_terms = (np.asarray(rbm.hidden.log_normalizer_terms(x))[0] for x in (inputs, mean_inputs))
        mean = np.asarray(rbm.hidden.mean(inputs))[0]
        visible = -float(rbm.visible.energy(v)[0])
    bounds, slices = rbm.hidden.boundaries, schema.column_slices
    contributions = []
    for unit in np.argsort(-np.abs(terms - mean_terms)):
        first, end = bounds[unit], bounds[unit + 1]
        by_column = {}
        if end - first == 1:
            by_column = {name: float((v - m)[0, here] @ rbm.weights[here, first]) for name, here in slices.items()}
        contributions.append(
            HiddenContribution(int(unit), float(terms[unit] - mean_terms[unit]), float(mean[first]), by_column)
        )
    filled = [name for name, here in slices.items() if np.isnan(encoded[0, here.start])]
    unknown = list(schema.find_unseen(frame.rows([row])))
    return Explanation(-visible - float(terms.sum()), visible, float(mean_terms.sum()), contributions, filled, unknown)
