"""Files, data, tables and estimators given every kind of wrong argument; no model is trained."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wrong_arguments import check, each_value, print_faults

import harmonium as hm
from harmonium import data, io, sklearn, tabular

BITS = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]] * 3)
RBM = hm.RBM(hm.Binary([0.1, -0.2]), hm.Binary([0.3, 0.0]), [[0.5, -0.5], [0.2, 0.4]])
TABLE = {"a": ["x", "y", "x", None] * 3, "b": [0, 1, 1, 0] * 3, "c": [0.5, 1.5, None, 3.5] * 3}
LONG = {name: cells * 2 for name, cells in TABLE.items()}
FILLED = {"a": ["x", "y", "x", "y"] * 3, "b": [0, 1, 1, 0] * 3, "c": [0.5, 1.5, 2.5, 3.5] * 3}
SCHEMA = tabular.infer(TABLE)
OF_TABLE = hm.RBM(tabular.units_of(SCHEMA), hm.Binary([0.1, 0.2]), 0.1 * np.ones((3, 2)))
WITH_SCHEMA = {"rbm": OF_TABLE, "schema": SCHEMA}
ESTIMATORS = (sklearn.RBMTransformer, sklearn.RBMClassifier, sklearn.RBMImputer, sklearn.RBMDensity)


def table() -> str:
    Path("table.csv").write_bytes(io.table_content(io.from_native(TABLE).columns, ".csv"))
    return "table.csv"


def state() -> str:
    io.save_state(BITS, "state", overwrite=True)
    return "state"


CALLS: dict[Callable[..., Any], Callable[[], dict[str, Any]]] = {
    data.resampled: lambda: {"gray": [[0.5, 0.25]]},
    data.binarize: lambda: {"values": BITS, "how": "stochastic", "seed": 0},
    data.load: lambda: {
        "location": "shifter:2",
        "binarized": None,
        "seed": 0,
        "hold_out": (),
        "stream": False,
        "columns": True,
    },
    data.load_columns: lambda: {"location": table(), "kinds": {}, "ignore": [], "hold_out": (), "weights": None},
    io.from_native: lambda: {"data": TABLE},
    io.is_table_file: lambda: {"location": "x.csv"},
    io.load: lambda: {"path": "missing"},
    io.load_with_header: lambda: {"path": "missing"},
    io.load_state: lambda: {"path": state(), "template": BITS},
    io.read_frame: lambda: {"location": table(), "max_bytes": None},
    io.read_table: lambda: {"location": table(), "missing": True, "max_bytes": None},
    io.save: lambda: {"rbm": RBM, "path": "x", "overwrite": True, "base_rate": None, "notes": None},
    io.save_state: lambda: {"state": BITS, "path": "x", "overwrite": True},
    io.table_content: lambda: {"columns": {"a": BITS[0]}, "suffix": ".csv"},
    io.to_native: lambda: {"columns": {"a": BITS[0]}, "like": "pandas"},
    tabular.compare: lambda: (
        {"schema": SCHEMA, "samples": LONG, "table": LONG, "train": LONG, "target": "b", "weights": None}
        | {"train_weights": None, "seed": 0}
    ),
    tabular.conditions: lambda: {"schema": SCHEMA, "where": (), "forbid": ()},
    tabular.decode: lambda: {"schema": SCHEMA, "rows": [[0, 1, 0.5]], "like": "pandas", "seed": None},
    tabular.encode: lambda: {"schema": SCHEMA, "table": TABLE, "unseen": "error"},
    tabular.explain: lambda: WITH_SCHEMA | {"table": TABLE, "row": 0, "average": None, "unseen": "missing", "seed": 0},
    tabular.impute: lambda: (
        WITH_SCHEMA | {"table": TABLE, "draws": 1, "refit": False, "method": "auto", "sweeps": 2, "unseen": "error", "seed": 0}
    ),
    tabular.infer: lambda: {"table": TABLE, "kinds": {}, "ignore": [], "fit_on": None, "bins": True},
    tabular.load: lambda: {"path": "missing"},
    tabular.log_prob: lambda: WITH_SCHEMA | {"table": TABLE, "unseen": "missing", "seed": 0},
    tabular.log_scores: lambda: WITH_SCHEMA | {"truth": FILLED, "table": TABLE, "seed": 0},
    tabular.predict: lambda: (
        WITH_SCHEMA | {"table": TABLE, "column": "a", "method": "auto", "sweeps": 2, "unseen": "missing", "seed": 0}
    ),
    tabular.read_by_position: lambda: {"location": table()} | WITH_SCHEMA,
    tabular.read_schema_file: lambda: {"path": "missing"},
    tabular.sample: lambda: (
        WITH_SCHEMA
        | {"n": 2, "given": None, "where": (), "forbid": (), "method": "auto", "sweeps": 2, "seed": 0, "like": "pandas"}
    ),
    tabular.score_draws: lambda: {"schema": SCHEMA, "truth": FILLED, "table": TABLE, "draws": [FILLED, FILLED], "seed": 0},
    tabular.schema_of: lambda: {"rbm": RBM, "description": {"notes": {}}},
    tabular.units_of: lambda: {"schema": SCHEMA},
    sklearn.from_bernoulli_rbm: lambda: {"estimator": sklearn.to_bernoulli_rbm(RBM)},
    sklearn.to_bernoulli_rbm: lambda: {"rbm": RBM},
}


def of_estimator(kind: type[Any]) -> dict[Callable[..., Any], Callable[[], dict[str, Any]]]:
    """Its constructor, with what its `fit` checks before it reads rows, and the methods of one that is fitted."""

    @functools.wraps(kind)
    def construct(**parameters: Any) -> None:
        estimator = kind(**parameters)
        estimator._validate_params()
        estimator._config(12, RBM)

    fitted = kind()
    fitted.columns_, fitted.rbm_, fitted.n_features_in_ = sklearn.columns.columns_of(BITS, "auto"), RBM, 2
    fitted.log_partition_, fitted._threshold, fitted.classes_ = 0.0, 0.0, np.array([0])
    methods = ("transform", "score_samples", "score", "predict", "predict_proba", "decision_function")
    calls: dict[Callable[..., Any], Callable[[], dict[str, Any]]] = {construct: kind().get_params}
    rows = {"X": BITS} | ({"y": np.zeros(12)} if kind is sklearn.RBMClassifier else {})
    for name in methods:
        if hasattr(fitted, name):
            method = getattr(fitted, name)
            calls[method] = lambda method=method: {
                key: rows[key] for key in inspect.signature(method).parameters if key in rows
            }
    if kind is sklearn.RBMTransformer:
        calls[fitted.gibbs] = lambda: {"v": BITS}
    if kind is sklearn.RBMDensity:
        calls[fitted.sample] = lambda: {"n_samples": 2, "random_state": 0}
    return calls


@each_value
def test_wrong_arguments_are_refused_in_a_sentence(values, tmp_path):
    check(__file__, values, tmp_path)


@pytest.mark.parametrize("module", [data, io, tabular, sklearn])
def test_every_public_function_is_among_them(module):
    functions = {name for name in module.__all__ if callable(getattr(module, name)) and name.islower()}
    assert functions <= {function.__name__ for function in CALLS}


if __name__ == "__main__":
    print_faults(CALLS)
    for each in ESTIMATORS:
        print_faults(of_estimator(each), ValueError, TypeError)  # as scikit-learn has it
