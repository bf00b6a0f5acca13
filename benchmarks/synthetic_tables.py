"""Adult as a raw table: samples of a model of 128 hidden units, judged as the literature of synthetic tables judges them.

FOLDER holds adult.csv.gz (UCI, CC BY 4.0; complete rows of its training part). A fifth of the rows is held out, and takes no
part in training. Persistent chains rarely cross between levels of columns that determine each other, education and
education_num, so their model has these in wrong proportions; updates by tempered chains mend that in the end. Published scores
compare samples with the training rows, as many samples as rows; the last column is what other real rows get.

Reference of the other figures: D. Scassola et al., "A sobering look at tabular data generation via probabilistic circuits",
arXiv 2603.23016 (2026), with XGBoost and UCI's own split.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

import harmonium as hm
from benchmarks import here
from harmonium.io import Frame, read_frame

HELD_OUT = 0.2
HIDDEN, UPDATES, TEMPERED_UPDATES, TEMPERED_RATE, SWEEPS = 128, 30_000, 4000, 0.1, 600
TARGET = "income"


def main(folder: Path, hidden: int = HIDDEN, updates: int = UPDATES, tempered: int = TEMPERED_UPDATES) -> str:
    frame = read_frame(str(folder / "adult.csv.gz"))
    order = np.random.default_rng(0).permutation(len(frame))
    count = round(HELD_OUT * len(frame))
    test, train = frame.rows(order[:count]), frame.rows(order[count:])
    begun = time.monotonic()
    schema = hm.tabular.infer(train)
    rows = hm.tabular.encode(schema, train)
    rbm = hm.fit(hm.initialize(rows, hidden, hm.tabular.units_of(schema)), rows, updates=updates, measure=False)
    if tempered:
        rbm = hm.fit(rbm, rows, estimator="pt-1", learning_rate=TEMPERED_RATE, updates=tempered, measure=False)
    trained = time.monotonic() - begun
    begun = time.monotonic()
    drawn = hm.tabular.sample(rbm, schema, len(train), like=Frame({}), sweeps=SWEEPS)
    sampled = time.monotonic() - begun
    on_test = hm.tabular.compare(schema, drawn.table, test, train, target=TARGET)
    lines = _lines(on_test, "held-out rows") + _lines(hm.tabular.compare(schema, drawn.table, train, test), "training rows")
    for key in on_test.samples.target:
        values = [f"{each.target[key]:.4f}" for each in (on_test.samples, on_test.independent, on_test.floor)]
        lines.append([f"{key} of {TARGET} in held-out rows, learned from it", *values])
    leak = on_test.leak
    text = here.table(["", "samples", "independent columns", "other real rows"], lines)
    pairs = "; ".join(f"{a}, {b} {value:.3f}" for a, b, value, _ in on_test.worst_pairs(3))
    columns = ", ".join(f"{name} {value:.3f}" for name, value, _ in on_test.worst_columns(5))
    return (
        f"{text}\n\n{len(train):,} training rows, {len(test):,} held out, {hidden} hidden units; training {trained:.0f} s "
        f"in all ({updates:,} updates by default, {tempered:,} by tempered chains), {len(train):,} samples in {sampled:.0f} s "
        f"({'; '.join([drawn.method, *drawn.warnings])}). Leak {leak.leak:.3f} ± "
        f"{leak.standard_error:.3f} (p = {leak.p_value:.2g}). Least alike: {columns}; {pairs}."
    )


def _lines(found: hm.diagnostics.Comparison, rows: str) -> list[list[str]]:
    """The scores against these rows."""
    sets = (found.samples, found.independent, found.floor)
    tests = [each.two_sample for each in sets]
    lines = [
        [f"shape, against {rows}", *(f"{each.shape:.4f}" for each in sets)],
        [f"trend, against {rows}", *(f"{each.trend:.4f}" for each in sets)],
        [f"two-sample score, against {rows}", *(f"{each.score:.3f} ± {2 * each.standard_error:.3f}" for each in tests)],
    ]
    print(*lines, sep="\n", flush=True)
    return lines


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--hidden", type=int, default=HIDDEN)
    parser.add_argument("--updates", type=int, default=UPDATES)
    parser.add_argument("--tempered", type=int, default=TEMPERED_UPDATES, help="further updates by tempered chains")
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    given = parser.parse_args()
    text = main(given.data, given.hidden, given.updates, given.tempered)
    here.finish("benchmarks.synthetic_tables", "Adult as a synthetic table", "\n\n" + text, given.record)
