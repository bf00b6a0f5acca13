"""How often the 95 % interval of an estimated ln Z contains the exact one, over hundreds of models small enough to enumerate.

    python -m benchmarks.calibration [--data FOLDER] [--seconds 10] [--models 510] [--out calibration.json]

Four fifths are random: normal parameters of several scales in layers of several sizes and kinds, evaluated with rows of fair
coin flips as their only data. One fifth are trained, by pcd-1 and by cd-1 and for several lengths, on scikit-learn's digits
and, where FOLDER holds them (bit-packed, `NAME_train` beside `NAME_nvars`, or `train` beside `nvars`), on other real data.
Each is bracketed twice: with the reverse runs started from tempered chains, as they must be for large models, and from
exact draws.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import stats

import harmonium as hm
from benchmarks import here
from harmonium.likelihood import bidirectional_ais

SHAPES = ((8, 6), (12, 12), (16, 20), (20, 20), (60, 14), (150, 10))
SCALES = (0.05, 0.2, 0.5, 1.0, 1.5, 2.5)
HIDDEN = (8, 14, 18)
LENGTHS = (100, 500, 2500)


def random_models(count: int) -> Iterator[tuple[str, hm.RBM, np.ndarray, hm.Binary | None]]:
    for number in range(count):
        random = np.random.default_rng(number)
        visible, hidden = SHAPES[number % len(SHAPES)]
        scale = SCALES[number // len(SHAPES) % len(SCALES)]
        kind = hm.Spin if number % 7 == 3 else hm.Binary
        # At the largest sizes a unit's total input keeps the scale of a layer of twelve.
        weights = scale * random.standard_normal((visible, hidden)) * min(1, np.sqrt(12 / visible))
        rbm = hm.RBM(kind(scale * random.standard_normal(visible)), hm.Binary(scale * random.standard_normal(hidden)), weights)
        flips = random.integers(2, size=(200, visible))
        yield f"random {visible}x{hidden} scale {scale} {kind.name}", rbm, kind.zeros(1).unit_states.ravel()[flips], None


def data_sets(folder: Path | None) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    digits = hm.data.load("digits")
    yield "digits", digits.train, digits.test
    for file in sorted(folder.glob("*.npz")) if folder else ():
        archive = np.load(file)
        for key in [key for key in archive.files if key.endswith("nvars")]:
            name = key.removesuffix("nvars")
            parts = (np.unpackbits(archive[name + part], axis=1)[:, : int(archive[key])] for part in ("train", "test"))
            train, test = (np.random.default_rng(0).permutation(part) for part in parts)  # some are sorted
            yield (name.rstrip("_") or file.stem), train, test


def trained_models(count: int, folder: Path | None) -> Iterator[tuple[str, hm.RBM, np.ndarray, hm.Binary | None]]:
    sets = list(data_sets(folder))
    yielded = 0
    for seed in range(count):
        for name, train, test in sets:
            hidden = HIDDEN[seed % len(HIDDEN)]
            rbm = hm.initialize(train[:20000], hidden, seed=seed)
            base_rate = rbm.visible
            for length in LENGTHS:
                settings = {"estimator": "cd-1" if seed % 2 else "pcd-1", "updates": length, "seed": seed}
                for state in hm.train(rbm, train[:20000], **settings):
                    rbm = state.rbm
                how = "cd-1" if seed % 2 else "pcd-1"
                yield f"{name} {rbm.visible.size}x{hidden} {length} updates of {how}", rbm, test[:2000], base_rate
                yielded += 1
                if yielded == count:
                    return


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--models", type=int, default=510)
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    trained = given.models // 5
    rows = []
    begun = time.monotonic()
    for source in (trained_models(trained, given.data), random_models(given.models - trained)):
        for number, (name, rbm, data, base_rate) in enumerate(source):
            truth = hm.exact.log_partition(rbm)
            row = {"model": name, "exact": truth}
            for start in ("tempered", "exact"):
                found = bidirectional_ais(
                    rbm, data, base_rate=base_rate, seconds=given.seconds, exact_start=start == "exact", seed=number
                )
                row[start] = {
                    "lower": found.lower,
                    "upper": found.upper,
                    "bar": found.bar.value,
                    "covered": bool(found.lower <= truth <= found.upper),
                    "ess": min(found.ess_forward, found.ess_reverse),
                    "converged": found.samples.converged,
                    "z": found.samples.z,
                    "round_trips": found.samples.round_trips,
                    "temperatures": found.temperatures,
                }
                if not row[start]["covered"]:
                    print(f"miss, {start} starts: {name}: exact {truth:.4f}", row[start], flush=True)
            rows.append(row)
            if given.out:
                given.out.write_text(json.dumps(rows, indent=1))
    report(rows)
    print(f"{here.header()}: {len(rows)} models, {(time.monotonic() - begun) / 60:.0f} min")


def report(rows: list[dict]) -> None:
    for start in ("tempered", "exact"):
        for family in ("random", "", "all"):
            some = [r[start] for r in rows if family == "all" or r["model"].startswith("random") == (family == "random")]
            hits, n = sum(r["covered"] for r in some), len(some)
            if not n:
                continue
            low, high = stats.binomtest(hits, n).proportion_ci()
            width = np.array([r["upper"] - r["lower"] for r in some])
            name = family or "trained"
            print(f"{start} starts, {n} {name} models: {hits / n:.1%} covered [{low:.1%}, {high:.1%}]", end="; ")
            print(f"width median {np.median(width):.3f}, 90th percentile {np.quantile(width, 0.9):.3f}", end=", ")
            print(f"largest {width.max():.2f}; starts converged in {sum(r['converged'] for r in some)}")


if __name__ == "__main__":
    main()
