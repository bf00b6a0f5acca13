"""What checkpoints cost and how soon a run continues, at 784x500: `python -m benchmarks.checkpoints [--record]`.

The cost is the time that one checkpoint a minute takes, as a fraction of a minute. Continuing is timed from the start of the
command, Python included, to the first line of metrics.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

import harmonium as hm
from benchmarks import here
from benchmarks.start_up import time_to_metrics

REPEATS, WRITES = 5, 40
RUN = ["train", "rows.npy", "--hidden", "500", "--minutes", "10", "--out", "run"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of mnist_binarized_larochelle.npz (default: rows at random)")
    parser.add_argument("--record", action="store_true", help="append the figures to RESULTS.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = os.environ | {"HARMONIUM_CACHE": str(folder / "compiled")}
        random = np.random.default_rng(0)
        rows = (random.random((60_000, 784)) < 0.13).astype(np.uint8) if given.data is None else here.mnist(given.data)[0]
        np.save(folder / "rows.npy", rows)
        *_, state = hm.train(hm.initialize(rows, 500), rows, updates=50)
        writes = []
        for _ in range(WRITES):
            begun = time.perf_counter()
            path = state.checkpoint.save(folder / "checkpoint.safetensors", overwrite=True)
            writes.append(1000 * (time.perf_counter() - begun))
        size = path.stat().st_size / 2**20
        fresh, _ = time_to_metrics(RUN, folder, environment)
        resumed = [time_to_metrics(["train", "--resume", "run"], folder, environment)[0] for _ in range(REPEATS)]
    text = (
        f"A checkpoint of {size:.1f} MiB is written, flushed and renamed in {median(writes):.0f} ms (median of {WRITES}; "
        f"{min(writes):.0f} to {max(writes):.0f}): one a minute takes {median(writes) / 60_000:.2%} of the time.\n\n"
        f"From the command to the first line of metrics: {fresh:.1f} s with nothing compiled, {median(resumed):.1f} s for a "
        f"run that continues (median of {', '.join(f'{seconds:.1f}' for seconds in resumed)})."
    )
    here.finish("benchmarks.checkpoints", "checkpoints and continuing, 784x500", text, given.record)


if __name__ == "__main__":
    main()
