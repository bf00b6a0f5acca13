"""The interval of ln Z for models trained on MNIST: 784x16 against the exact value, 784x500 for its width in a minute.

    python -m benchmarks.likelihood_mnist mnist_binarized_larochelle.npz [--folder runs/mnist-likelihood]

The file holds bit-packed rows, `train` and `test` beside `nvars`. The models are trained once (about 4 minutes) and stay in
the folder: pcd-1 with 500 chains, batches of 250, a rate falling from 0.1 to 0, average 0.999.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import optax

import harmonium as hm
from benchmarks import here

UPDATES = {16: 20_000, 500: 15_000}


def trained(folder: Path, train: np.ndarray, hidden: int) -> tuple[hm.RBM, hm.Binary]:
    file = folder / f"784x{hidden}.safetensors"
    if not file.exists():
        start = hm.initialize(train, hidden)
        rate = optax.linear_schedule(0.1, 0.0, UPDATES[hidden])
        *_, state = hm.train(
            start,
            train,
            estimator=hm.pcd(1, 500),
            optimizer=optax.sgd(rate),
            batch_size=250,
            updates=UPDATES[hidden],
            final_decay=0.0,
        )
        folder.mkdir(parents=True, exist_ok=True)
        hm.save(state.rbm, file, base_rate=start.visible)
    rbm, base_rate, _ = hm.io.load_with_header(file)
    return rbm, base_rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("runs/mnist-likelihood"))
    given = parser.parse_args()
    archive = np.load(given.data)
    train, test = (np.unpackbits(archive[part], axis=1)[:, : int(archive["nvars"])] for part in ("train", "test"))
    print(here.header(), flush=True)

    rbm, base_rate = trained(given.folder, train, 16)
    exact = hm.evaluate(rbm, test, method="exact")
    print(f"784x16: {exact}", flush=True)
    for seed in range(2):
        found = hm.evaluate(
            rbm, test, method="estimate", base_rate=base_rate, runs=1500, precision=0.04, seconds=120, seed=seed
        )
        off = {
            name: value["value"] - exact.log_partition for name, value in found.details.items() if name.startswith("log_part")
        }
        errors = ", ".join(f"{name.removeprefix('log_partition_')} {value:+.3f}" for name, value in off.items())
        print(f"784x16: {found}; ln Z off by: {errors}", *found.warnings, sep="\n  ", flush=True)

    rbm, base_rate = trained(given.folder, train, 500)
    for seed in range(2):
        found = hm.evaluate(rbm, test, base_rate=base_rate, seed=seed)
        print(f"784x500: {found}; {found.upper - found.lower:.3f} nats wide", *found.warnings, sep="\n  ", flush=True)


if __name__ == "__main__":
    main()
