"""Harmonium beside its peers, in one run: speed of updates, quality for the time, other data, start-up and memory, scaling.

    pip install -e . --group bench
    python -m benchmarks --data FOLDER [--only updates mnist wide start scaling toys
        classification anomalies imputation intervals draws spins synthetic] [--record]

FOLDER holds mnist_binarized_larochelle.npz, debd_small.npz and uci_binary.npz (bit-packed rows), mnist_60k.npz (gray levels)
and adult.csv.gz. `--record` appends the tables to benchmarks/RESULTS.md; pictures lie beside it. All parts together take
some two hours on two cores.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import (
    anomalies,
    classification,
    here,
    imputation,
    mnist_race,
    multiple_imputation,
    scaling,
    spins,
    start_up,
    synthetic_tables,
    toys,
    update_speed,
    wide_mnist,
)

PACKAGES = ("harmonium", "numpy", "scikit-learn", "torch", "rbms", "learnergy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder of the data sets")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where pictures go")
    parser.add_argument("--record", action="store_true", help="append the tables to RESULTS.md")
    parser.add_argument("--bf16", action="store_true", help="time updates with bfloat16 products too")
    parser.add_argument("--minutes", type=float, default=10, help="of the longer Harmonium run on MNIST")
    parser.add_argument("--peer-minutes", type=float, default=3, help="of each peer on MNIST")
    parser.add_argument("--hidden", type=int, default=1000, help="hidden units of the part `wide`")
    parser.add_argument("--wide-minutes", type=float, default=40, help="of the part `wide`")
    parser.add_argument("--l1", type=float, help="penalty of the part `wide`; by default the defaults' own")
    names = ("updates", "mnist", "wide", "start", "scaling", "toys", "classification", "anomalies", "imputation", "spins")
    names += ("synthetic", "intervals", "draws")
    parser.add_argument("--class-minutes", type=float, default=18, help="of the hybrid classifier on MNIST")
    objectives = classification.OBJECTIVES
    parser.add_argument("--objectives", nargs="+", choices=objectives, default=objectives, help="on MNIST")
    parser.add_argument("--systems", nargs="+", help="of the part `spins`: parts of their names")
    parser.add_argument("--spin-minutes", type=float, help="of each training run of the part `spins` that is bounded by time")
    parser.add_argument("--genotypes", type=Path, help="a table of 0/1 for the part `spins`")
    parser.add_argument("--tables", type=int, default=500, help="of the part `intervals`")
    parser.add_argument("--interval-minutes", type=float, help="after which the part `intervals` begins no further table")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    given = parser.parse_args()
    parts = {
        "updates": ("Time per PCD-1 update", lambda: update_speed.main(given.bf16)),
        "toys": ("Bars and stripes, 4x4", lambda: toys.main(given.out)),
        "start": ("Start-up and memory, 784x500 on MNIST", lambda: start_up.main(given.data)),
        "mnist": (
            "MNIST, 784x500, against the clock",
            lambda: mnist_race.main(given.data, given.out, given.minutes, given.peer_minutes),
        ),
        "wide": (
            f"MNIST, 784x{given.hidden}",
            lambda: wide_mnist.main(
                given.data,
                given.out,
                given.hidden,
                minutes=given.wide_minutes,
                **({} if given.l1 is None else {"l1": given.l1}),
            ),
        ),
        "scaling": ("Scaling", lambda: scaling.main(given.out)),
        "classification": (
            "Classification",
            lambda: classification.main(given.data, given.class_minutes, tuple(given.objectives)),
        ),
        "anomalies": ("Anomalies", anomalies.main),
        "imputation": ("Missing cells", imputation.main),
        "intervals": (
            "Intervals after multiple imputation",
            lambda: multiple_imputation.intervals(given.tables, given.interval_minutes),
        ),
        "draws": ("Draws of hidden cells", multiple_imputation.draws),
        "spins": ("Spin systems", lambda: spins.main(given.systems, given.spin_minutes, given.genotypes)),
        "synthetic": ("Adult as a synthetic table", lambda: synthetic_tables.main(given.data)),
    }
    needing = {"start", "mnist", "wide", "synthetic"}
    if given.data is None and needing & set(given.only):
        parser.error(f"--data FOLDER is needed for {', '.join(sorted(needing & set(given.only)))}")
    for name, (title, measure) in parts.items():
        if name not in given.only:
            continue
        print(f"== {title}", flush=True)
        here.finish("benchmarks", title, "\n\n" + measure(), given.record, PACKAGES)


if __name__ == "__main__":
    main()
