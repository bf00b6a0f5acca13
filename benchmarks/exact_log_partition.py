"""Exact ln Z: the factorized engine against the plain one on 784x20, and alone on 784x25. About a minute:

    python benchmarks/exact_log_partition.py [repetitions]

Both sums of a repetition run one after the other, so that a busy machine slows both; compilation is not counted. Peak
memory is that of a process that does nothing else, Python and JAX included.
"""

from __future__ import annotations

import datetime
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

import harmonium as hm
from harmonium.exact import factorized

LARGE = """
import sys, time
sys.path.insert(0, sys.argv[1])
from exact_log_partition import machine, seconds
import harmonium as hm
hm.exact.log_partition(machine(20))  # JAX itself is started, as in the other measurements
rbm = machine(25)
first, again = (seconds(lambda: hm.exact.log_partition(rbm)) for _ in range(2))
peak = next((line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), "0")
print(first, again, int(peak) / 1024)
"""


def machine(hidden: int) -> hm.RBM:
    random = np.random.default_rng(0)
    visible_bias, hidden_bias, weights = (0.3 * random.standard_normal(shape) for shape in (784, hidden, (784, hidden)))
    return hm.RBM(hm.Binary(visible_bias), hm.Binary(hidden_bias), weights)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def by_the_plain_sum(rbm: hm.RBM) -> float:
    fewest = factorized.MIN_HOST_STATES
    factorized.MIN_HOST_STATES = 1 << 62  # then the factorized engine serves no model
    try:
        return hm.exact.log_partition(rbm)
    finally:
        factorized.MIN_HOST_STATES = fewest


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def main(repetitions: int) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{datetime.date.today()}, {processor()}, {cores} cores, {load}, {jax.default_backend()}, jax {jax.__version__}\n")
    rbm = machine(20)
    difference = hm.exact.log_partition(rbm) - by_the_plain_sum(rbm)
    print(f"784x20: ln Z by the factorized engine less that by the plain one: {difference:.1e} nats")
    ratios = []
    for _ in range(repetitions):
        fast, plain = seconds(lambda: hm.exact.log_partition(rbm)), seconds(lambda: by_the_plain_sum(rbm))
        ratios.append(plain / fast)
        print(f"784x20: factorized {fast:7.3f} s   plain {plain:7.3f} s   ratio {ratios[-1]:6.1f}", flush=True)
    print(f"784x20: median ratio {statistics.median(ratios):.1f}")
    for _ in range(repetitions):
        command = [sys.executable, "-c", LARGE, str(Path(__file__).parent)]
        first, again, peak = map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
        print(f"784x25: factorized {again:7.3f} s   with compilation {first:.3f} s   peak memory {peak:.0f} MiB", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
