"""A CSV file of 20 mixed columns: time and peak memory of reading it, beside pandas, in fresh processes in turns."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import here

READERS = {
    "Harmonium": "import harmonium.io; read = harmonium.io.read_frame",
    "pandas": "import pandas; read = pandas.read_csv",
}
MEASURE = """
import resource, sys, time
{imports}
start = time.perf_counter()
table = read(sys.argv[1])
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(table))
"""
MEGABYTES, TURNS = 100, 7


def write_table(path: Path, megabytes: float) -> int:
    """Write a table of 11 real columns, 3 of counts, 3 of grades and 3 of texts, 2 % of its cells missing; its rows."""
    random = np.random.default_rng(0)
    texts = np.array(["red", "green", "blue", "dark yellow", "north-west"])
    size = count = 0
    with path.open("w") as file:
        names = [
            f"{kind}{place}"
            for kind, width in (("real", 11), ("count", 3), ("grade", 3), ("text", 3))
            for place in range(width)
        ]
        file.write(",".join(names) + "\n")
        while size < 1e6 * megabytes:
            rows = 10_000
            columns = [np.char.mod("%.3f", random.normal(50, 20, rows)) for _ in range(9)]
            columns += [np.char.mod("%.17g", random.normal(0, 1e-3, rows)) for _ in range(2)]
            columns += [np.char.mod("%d", random.integers(0, most, rows)) for most in (1000,) * 3 + (6,) * 3]
            columns += [texts[random.integers(0, len(texts), rows)] for _ in range(3)]
            cells = np.where(random.random((rows, 20)) < 0.02, "", np.stack([each.astype("U32") for each in columns], axis=1))
            size += file.write("".join(",".join(row) + "\n" for row in cells.tolist()))
            count += rows
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=MEGABYTES)
    parser.add_argument("--turns", type=int, default=TURNS)
    given = parser.parse_args()
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in READERS}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "table.csv")
        count = write_table(path, given.megabytes)
        for _ in range(given.turns):
            for name, imports in READERS.items():
                command = [sys.executable, "-c", MEASURE.format(imports=imports), str(path)]
                said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
                assert int(said[2]) == count
                figures[name].append((float(said[0]), float(said[1])))
    print(here.header("pyarrow", "pandas"), f"{given.megabytes:g} MB, {count:,} rows of 20 columns", sep="\n\n", end="\n\n")
    lines = []
    for name, pairs in figures.items():
        seconds, peaks = zip(*pairs, strict=True)
        lines.append([name, f"{statistics.median(seconds):.2f}", f"{statistics.median(peaks):.0f}"])
    ratios = [own[0] / other[0] for own, other in zip(figures["Harmonium"], figures["pandas"], strict=True)]
    memory = [own[1] / other[1] for own, other in zip(figures["Harmonium"], figures["pandas"], strict=True)]
    lines.append(["ratio of turns, median", f"{statistics.median(ratios):.2f}", f"{statistics.median(memory):.2f}"])
    print(here.table(["", "seconds", "peak memory, MiB"], lines))


if __name__ == "__main__":
    main()
