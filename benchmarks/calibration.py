"""How often the 95 % interval of an estimated ln Z contains the exact one, over hundreds of models small enough to enumerate.

    python -m benchmarks.calibration [--data FOLDER] [--seconds 10] [--models 510] [--hard 0] [--out calibration.json]

Four fifths are random: normal parameters of several scales in layers of several sizes and kinds, evaluated with rows of fair
coin flips as their only data. One fifth are trained, by pcd-1 and by cd-1 and for several lengths, on scikit-learn's digits
and, where FOLDER holds them (bit-packed, `NAME_train` beside `NAME_nvars`, or `train` beside `nvars`), on other real data.
Each is bracketed twice: with the reverse runs started from tempered chains, as they must be for large models, and from
exact draws.

`--hard N` brackets N models of several modes instead, as `evaluate` does: planted patterns, ferromagnets, two modes of
1 : 200, first-order transitions, trained ones, and single states as heavy as all the rest. A miss without a warning is the
worst that can happen. With several `--seconds` the budgets take turns.
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


def hard_models(count: int) -> Iterator[tuple[str, hm.RBM, np.ndarray, None]]:
    """Models of several modes, most of them without a row in some: planted patterns, ferromagnets, two modes, first-order
    transitions, trained ones, and single states as heavy as all the rest."""
    for number in range(count):
        name, rbm, rows = HARD[number % len(HARD)](np.random.default_rng(1000 + number))
        yield f"{name} {rbm.visible.size}x{rbm.hidden.size}", rbm, rows, None


def _draw(rbm: hm.RBM, random: np.random.Generator, count: int = 200) -> np.ndarray:
    return hm.exact.sample(rbm, count, int(random.integers(1 << 30)))


def _weak(random: np.random.Generator, visible: int, hidden: int, scale: float = 0.3) -> hm.RBM:
    weights = scale * random.standard_normal((visible, hidden))
    layers = (hm.Binary(scale * random.standard_normal(size)) for size in (visible, hidden))
    return hm.RBM(*layers, weights)


def hole(random: np.random.Generator, visible: int = 30, hidden: int = 10) -> tuple[str, hm.RBM, np.ndarray]:
    """One hidden unit that is on at one state alone, which gets between a fifth and twice the mass of all others."""
    rest = _weak(random, visible, hidden - 1)
    at = random.integers(2, size=visible)
    strength = random.uniform(3, 8)
    mass = hm.exact.log_partition(rest) + np.log(random.uniform(0.2, 2))
    gain = mass + float(hm.free_energy(rest, at[None])[0])
    column, bias = strength * (2 * at - 1), gain - strength * at.sum()
    layer = hm.Binary(np.append(rest.hidden.bias, bias))
    rbm = hm.RBM(rest.visible, layer, np.column_stack([rest.weights, column]))
    return "hole", rbm, _draw(rest, random)


def joint_hole(random: np.random.Generator, visible: int = 30, hidden: int = 10) -> tuple[str, hm.RBM, np.ndarray]:
    """One state of both layers, held by all of its weights."""
    rest = _weak(random, visible, hidden, 0.2)
    v, h = 2 * random.integers(2, size=visible) - 1, 2 * random.integers(2, size=hidden) - 1
    pair, target = np.outer(v, h), hm.exact.log_partition(rest) + np.log(random.uniform(0.2, 2))
    low, high = 0.0, 4.0

    def planted(strength: float) -> hm.RBM:
        # strength * (v . h in spins - the most): less by 2 strength hidden for one visible unit that differs.
        shift_v, shift_h = strength * pair.sum(axis=1), strength * pair.sum(axis=0)
        fields = hm.Binary(rest.visible.bias - shift_v), hm.Binary(rest.hidden.bias - shift_h)
        return hm.RBM(*fields, rest.weights + 2 * strength * pair)

    for _ in range(40):
        middle = (low + high) / 2
        deep = float(-hm.free_energy(planted(middle), np.maximum(v, 0)[None])[0])
        low, high = (middle, high) if deep < target else (low, middle)
    return "joint hole", planted(low), _draw(rest, random)


def wide_hole(random: np.random.Generator) -> tuple[str, hm.RBM, np.ndarray]:
    name, rbm, rows = hole(random, 40, 18)
    return f"wide {name}", rbm, rows


def planted(random: np.random.Generator) -> tuple[str, hm.RBM, np.ndarray]:
    """Patterns, one a hidden unit; the rows show half of them."""
    patterns = 2 * random.integers(2, size=(14, 36)) - 1
    rbm = hm.RBM(hm.Spin(np.zeros(36)), hm.Spin(np.zeros(14)), random.uniform(0.2, 0.5) * patterns.T)
    shown = patterns[random.integers(7, size=200)]
    return "planted", rbm, shown * np.where(random.random(shown.shape) < 0.05, -1, 1)


def ferromagnet(random: np.random.Generator) -> tuple[str, hm.RBM, np.ndarray]:
    """Spins in two modes; the rows show the mode of plus, that of minus has from a tenth to nine tenths of the mass."""
    visible, hidden = 40, 14
    coupling, tilt = random.uniform(1.2, 3) / np.sqrt(visible * hidden), random.uniform(-1, 1) / visible
    rbm = hm.RBM(hm.Spin(np.full(visible, tilt)), hm.Spin(np.zeros(hidden)), np.full((visible, hidden), coupling))
    rows = _draw(rbm, random, 2000)
    positive = rows[rows.sum(axis=1) > 0]
    return "ferromagnet", rbm, positive[:200] if len(positive) else rows[:200]


def rare_mode(random: np.random.Generator) -> tuple[str, hm.RBM, np.ndarray]:
    """Two modes of 1 : 200, the rows all in one of them."""
    size, strength = 24, random.uniform(2, 4)
    tilt = (1 if random.random() < 0.5 else -1) * np.log(200) / size
    weights = np.full((size, 6), strength)
    rbm = hm.RBM(hm.Binary(np.full(size, -3 * strength + tilt)), hm.Binary(np.full(6, -strength * size / 2)), weights)
    return "1 : 200", rbm, np.full((200, size), float(random.integers(2)))


def first_order(random: np.random.Generator) -> tuple[str, hm.RBM, np.ndarray]:
    """Free units beside an ordered mode of about the same mass, which appears at the last temperatures only."""
    visible, hidden = 40, 12
    at, strength = random.integers(2, size=visible), random.uniform(0.5, 1.5)
    ratio, low, high = np.log(random.uniform(0.2, 2)), -400.0, 0.0

    def ordered(bias: float) -> hm.RBM:
        weights = strength * np.outer(2 * at - 1, np.ones(hidden)) + 0.1 * noise
        return hm.RBM(hm.Binary(np.zeros(visible)), hm.Binary(np.full(hidden, bias)), weights)

    noise = random.standard_normal((visible, hidden))
    free = visible * np.log(2)
    for _ in range(40):
        middle = (low + high) / 2
        excess = hm.exact.log_partition(ordered(middle)) - free
        low, high = (middle, high) if excess < np.logaddexp(0, ratio) else (low, middle)
    return "first order", ordered(low), random.integers(2, size=(200, visible)).astype(float)


def trained(random: np.random.Generator) -> tuple[str, hm.RBM, np.ndarray]:
    """Trained on four noisy patterns of very different frequency."""
    patterns = random.integers(2, size=(4, 30))
    rows = patterns[random.choice(4, size=2000, p=(0.6, 0.3, 0.09, 0.01))] ^ (random.random((2000, 30)) < 0.05)
    rows, updates = rows.astype(float), int(random.choice((200, 1000, 3000)))
    rbm = hm.initialize(rows, 14, seed=int(random.integers(1 << 30)))
    *_, state = hm.train(rbm, rows, estimator="pcd-1", updates=updates, seed=int(random.integers(1 << 30)))
    return "trained", state.rbm, rows[:500]


HARD = (hole, planted, joint_hole, ferromagnet, rare_mode, wide_hole, first_order, trained)


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
    options.add_argument("--seconds", type=float, nargs="+", default=[10.0])
    options.add_argument("--models", type=int, default=510)
    options.add_argument("--hard", type=int, default=0)
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    if given.hard:
        hard(given.hard, given.seconds, given.out)
        return
    trained = given.models // 5
    rows = []
    begun = time.monotonic()
    for source in (trained_models(trained, given.data), random_models(given.models - trained)):
        for number, (name, rbm, data, base_rate) in enumerate(source):
            truth = hm.exact.log_partition(rbm)
            row = {"model": name, "exact": truth}
            for start in ("tempered", "exact"):
                found = bidirectional_ais(
                    rbm, data, base_rate=base_rate, seconds=given.seconds[0], exact_start=start == "exact", seed=number
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


def hard(count: int, budgets: list[float], out: Path | None) -> None:
    rows: list[dict] = []
    begun = time.monotonic()
    for number, (name, rbm, data, _) in enumerate(hard_models(count)):
        seconds = budgets[number // len(HARD) % len(budgets)]
        truth = float(hm.exact.log_likelihood(rbm, data).mean())
        found = hm.evaluate(rbm, data, method="estimate", seconds=seconds, seed=number)
        row = {"model": name, "exact": truth, "budget": seconds, "covered": found.lower <= truth <= found.upper}
        rows.append(row | {"warned": bool(found.warnings), **found.to_dict()})
        if not row["covered"]:
            print(f"miss: {name}, {seconds:g} s: exact {truth:.4f}, {found}", found.warnings, flush=True)
        if out:
            out.write_text(json.dumps(rows, indent=1, default=float))
    print("| models | brackets | covered | misses without a warning | warned | width: median | largest | seconds: median |")
    print("|---|---|---|---|---|---|---|---|")
    for family in [*sorted({row["model"] for row in rows}), ""]:
        some = [row for row in rows if row["model"].startswith(family)]
        covered, warned = (sum(row[what] for row in some) for what in ("covered", "warned"))
        silent = sum(not (row["covered"] or row["warned"]) for row in some)
        width = np.array([row["upper"] - row["lower"] for row in some])
        took = np.median([row["seconds"] for row in some])
        print(f"| {family or 'all'} | {len(some)} | {covered} ({covered / len(some):.1%}) | {silent} | {warned} ", end="")
        print(f"| {np.median(width):.3f} | {width.max():.2f} | {took:.1f} |")
    print(f"\n{here.header()}: {(time.monotonic() - begun) / 60:.0f} min")


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
