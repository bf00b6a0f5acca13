"""Adult as a raw table: samples of a model of 128 hidden units, judged as the literature of synthetic tables judges them.

FOLDER holds adult.csv.gz (UCI, CC BY 4.0; complete rows of its training part). A fifth of the rows is held out. Published
scores compare samples with the training rows, as many samples as rows; the last column is what other real rows get.

Reference of the other figures: D. Scassola et al., "A sobering look at tabular data generation via probabilistic circuits",
arXiv 2603.23016 (2026), with XGBoost and UCI's own split.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

import harmonium as hm
from benchmarks import here
from harmonium.cli import run
from harmonium.io import Frame, read_frame

HELD_OUT = 0.2
HIDDEN = 128
"""Units that three minutes have updates for."""
TARGET = "income"


def main(folder: Path, minutes: float = 3, hidden: int = HIDDEN, updates: int | None = None) -> str:
    frame = read_frame(str(folder / "adult.csv.gz"))
    order = np.random.default_rng(0).permutation(len(frame))
    count = round(HELD_OUT * len(frame))
    test, train = frame.rows(order[:count]), frame.rows(order[count:])
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "train.csv")
        path.write_bytes(hm.io.table_content(train.columns, ".csv"))
        # On a busy computer a number of updates says more than minutes.
        length = ["--minutes", str(minutes)] if updates is None else ["--updates", str(updates), "--set", "refit=false"]
        begun = time.monotonic()
        options = ["--hidden", str(hidden), "--evaluation-seconds", "10", "--out", str(Path(place, "run")), "--json"]
        if run(["train", str(path), *length, *options]):
            raise RuntimeError("training failed")
        trained = time.monotonic() - begun
        rbm, schema = hm.tabular.load(Path(place, "run"))
    begun = time.monotonic()
    drawn = hm.tabular.sample(rbm, schema, len(train), like=Frame({}))
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
    made = "" if updates is None else f" ({updates:,} updates)"
    return (
        f"{text}\n\n{len(train):,} training rows, {len(test):,} held out, {len(rbm.hidden.bias)} hidden units; training "
        f"{trained:.0f} s in all{made}, {len(train):,} samples in {sampled:.0f} s "
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
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--hidden", type=int, default=HIDDEN)
    parser.add_argument("--updates", type=int, help="train for so many updates in place of minutes")
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    given = parser.parse_args()
    text = main(given.data, given.minutes, given.hidden, given.updates)
    here.finish("benchmarks.synthetic_tables", "Adult as a synthetic table", "\n\n" + text, given.record)
