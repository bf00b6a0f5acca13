"""Predicted times of an update on many devices, by a formula with few constants: `python -m benchmarks.scale`.

V x H units; D shards of the rows with B rows and B chains each; S devices that share the hidden units; k Gibbs sweeps:

    work      2 V H (2 B + (1 + 2 k) B) / (S F)                     five products at k = 1
    sums      2 (D - 1) / D * 4 V H / (S b) + a(D)                  of the gradient, in a ring
    inputs    k (2 (S - 1) / S * 4 B V / b + a(S))                  of the visible units, where the hidden ones are divided
    floor     the least time of an update, in which its kernels are started

F: operations a second of a device, b: bytes a second that leave it, a(n): seconds until a small sum over n devices is there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks import here


@dataclass(frozen=True)
class Computer:
    """Constants of a device and of the links between devices."""

    name: str
    flops: float
    bandwidth: float
    latency: float
    """Seconds for each doubling of the devices."""
    floor: float

    def update(self, visible: int, hidden: int, parts: int, rows: int, shards: int = 1, sweeps: int = 1) -> tuple[float, float]:
        """Seconds of work, and of communication."""
        weights = visible * hidden / shards
        work = max(self.floor, 2 * weights * rows * (3 + 2 * sweeps) / self.flops)
        sums = 2 * (parts - 1) / parts * 4 * weights / self.bandwidth + self._wait(parts)
        inputs = sweeps * (2 * (shards - 1) / shards * 4 * rows * visible / self.bandwidth + self._wait(shards))
        return work, sums + inputs

    def _wait(self, devices: int) -> float:
        return self.latency * math.log2(devices)


COMPUTERS = (
    # Measured: `python -m benchmarks.processes`, in RESULTS.md.
    Computer("one thread of a Xeon each, Gloo over loopback", 127e9, 1.0e9, 0.2e-3, 0.2e-3),
    # Sixteen such threads, if they are sixteen times as fast; the network by its name.
    Computer("computers of 16 such threads, 25 Gb/s between them", 16 * 127e9, 2.5e9, 0.1e-3, 0.2e-3),
    # From data sheets, at 60 % of the tensor cores' TF32 and 80 % of the links; nothing here was measured.
    Computer("H200, NVLink", 300e12, 360e9, 8e-6, 60e-6),
    Computer("H200, 400 Gb/s each", 300e12, 40e9, 10e-6, 60e-6),
)
SIZES = ((784, 500, 1), (10_000, 10_000, 1), (100_000, 100_000, 8))
"""Visible and hidden units, and devices that share the hidden ones."""
DEVICES, ROWS = (8, 64, 1024), (200, 2000, 20_000)


def main() -> None:
    for computer in COMPUTERS:
        lines = []
        for visible, hidden, shards in SIZES:
            for rows in ROWS:
                cells = []
                for devices in DEVICES:
                    work, sums = computer.update(visible, hidden, devices // shards, rows, shards)
                    cells.append(f"{_time(work + sums)}, {work / (work + sums):.0%}")
                lines.append([f"{visible:,} x {hidden:,}" + (f" over {shards}" if shards > 1 else ""), f"{rows:,}", *cells])
        print(f"\n{computer.name}\n")
        print(here.table(["units", "rows and chains a shard", *(f"{devices:,} devices" for devices in DEVICES)], lines))
        worth = 9 * 0.8 * computer.flops / computer.bandwidth
        print(f"\nrows and chains a shard at which nine tenths of the time are work, one sweep: {worth:,.0f}")


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms" if seconds >= 1e-3 else f"{1e6 * seconds:.3g} µs"


if __name__ == "__main__":
    main()
