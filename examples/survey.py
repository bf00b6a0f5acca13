"""A table with missing cells, from its columns to filled cells and surprisals: the wines that come with scikit-learn.

    python examples/survey.py

trains for some seconds and prints how likely the rows are, how far the filled cells are off (beside column means), and the
least likely row.
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_wine

import harmonium as hm

NAMES = np.array(["first", "second", "third"])


def main(updates: int = 2000) -> dict[str, float]:
    bunch = load_wine()
    table = {name: column.tolist() for name, column in zip(bunch.feature_names, bunch.data.T, strict=True)}
    table["cultivar"] = NAMES[bunch.target].tolist()

    # One cell in five is missing.
    random = np.random.default_rng(0)
    holes = {name: random.random(len(cells)) < 0.2 for name, cells in table.items()}
    known = {name: [None if out else cell for cell, out in zip(table[name], holes[name], strict=True)] for name in table}

    schema = hm.tabular.infer(known)
    for column in schema.columns:
        print(f"{column.name:30s} {column.kind}")

    rows = hm.tabular.encode(schema, known)
    rbm = hm.initialize(rows, hidden=8, visible=hm.tabular.units_of(schema))
    print("\nindependent units:", hm.evaluate(rbm, rows))
    for state in hm.train(rbm, rows, estimator="exact", learning_rate=0.05, updates=updates):
        rbm = state.rbm
    print("the model:        ", hm.evaluate(rbm, rows))

    done = hm.tabular.impute(rbm, schema, known)
    errors: dict[str, list[float]] = {"model": [], "mean": []}
    right = total = 0
    for row, name, value in zip(done.cells["row"], done.cells["column"], done.cells["value"], strict=True):
        truth = table[name][row]
        if name == "cultivar":
            right, total = right + (value == truth), total + 1
        else:
            column = next(column for column in schema.columns if column.name == name)
            errors["model"].append((value - truth) / column.scale)
            errors["mean"].append((column.mean - truth) / column.scale)
    print(f"\ncultivar: {right} of {total} missing cells right ({done.method})")
    for who, found in errors.items():
        print(f"real cells filled by the {who}: off by {np.sqrt(np.mean(np.square(found))):.2f} standard deviations")

    scored = hm.tabular.log_prob(rbm, schema, known)
    worst = int(np.argmin(scored.rows.value))
    name = max(scored.surprisal, key=lambda name: np.nan_to_num(scored.surprisal[name][worst], nan=-np.inf))
    print(
        f"\nthe least likely row is {worst + 1}, ln p = {scored.rows.value[worst]:.1f}: "
        f"{name} = {known[name][worst]}, where {scored.expected[name][worst]:.4g} was expected"
        if name != "cultivar"
        else f"\nthe least likely row is {worst + 1}: cultivar = {known[name][worst]}"
    )
    return {"cultivars": right / total, **{who: float(np.sqrt(np.mean(np.square(found)))) for who, found in errors.items()}}


if __name__ == "__main__":
    main()
