"""MNIST (fixed binarisation), the width free: one run, on its way on the validation rows, at its end on the test rows."""

from __future__ import annotations

from pathlib import Path

import harmonium as hm
from benchmarks import here
from benchmarks.mnist_race import evaluated, of_harmonium


def main(folder: Path, out: Path, hidden: int, minutes: float) -> str:
    train, valid, test = here.mnist(folder)
    base_rate = hm.initial(train, 1).visible
    kept, state = of_harmonium(train, valid, hidden, minutes)
    hm.save(state.rbm, out / f"mnist-{hidden}-{minutes:g}min.safetensors", base_rate=base_rate, overwrite=True)
    found = evaluated([pair for pair in kept if pair[0] >= 240][:-1], valid, base_rate, 60)
    report = hm.evaluate(state.rbm, test, base_rate=base_rate, seconds=120)
    lines = [[f"{at / 60:.1f}", "validation", str(value)] for at, value in found]
    lines.append([f"{kept[-1][0] / 60:.1f}", "test", str(report)])
    print(here.table(["minutes", "rows", "log likelihood"], lines), *report.warnings, sep="\n", flush=True)
    return here.table(["minutes", "rows", "log likelihood"], lines) + f"\n\n{state.step:,} updates, the defaults."
