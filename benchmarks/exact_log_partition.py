"""Exact ln Z: the factorized engine against the plain one on 784x20, and alone on 784x25. About a minute:

    python -m benchmarks.exact_log_partition [repetitions]

Both sums of a repetition run one after the other, so that a busy computer slows both; compilation is not counted. Peak
memory is that of a process that does nothing else, Python and JAX included.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

import harmonium as hm
from benchmarks import here
from harmonium.exact import factorized

LARGE = """
from benchmarks.exact_log_partition import random_model, seconds
import harmonium as hm
hm.exact.log_partition(random_model(20))  # JAX itself is started, as in the other measurements
rbm = random_model(25)
first, again = (seconds(lambda: hm.exact.log_partition(rbm)) for _ in range(2))
peak = next((line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), "0")
print(first, again, int(peak) / 1024)
"""


def random_model(hidden: int) -> hm.RBM:
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


def main(repetitions: int) -> None:
    print(here.header(), end="\n\n")
    rbm = random_model(20)
    difference = hm.exact.log_partition(rbm) - by_the_plain_sum(rbm)
    print(f"784x20: ln Z by the factorized engine less that by the plain one: {difference:.1e} nats")
    ratios = []
    for _ in range(repetitions):
        fast, plain = seconds(lambda: hm.exact.log_partition(rbm)), seconds(lambda: by_the_plain_sum(rbm))
        ratios.append(plain / fast)
        print(f"784x20: factorized {fast:7.3f} s   plain {plain:7.3f} s   ratio {ratios[-1]:6.1f}", flush=True)
    print(f"784x20: median ratio {statistics.median(ratios):.1f}")
    for _ in range(repetitions):
        command = [sys.executable, "-c", LARGE]
        first, again, peak = map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
        print(f"784x25: factorized {again:7.3f} s   with compilation {first:.3f} s   peak memory {peak:.0f} MiB", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
