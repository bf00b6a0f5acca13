"""The loop over blocks on the host: its progress, its threads, and how it stops."""

from __future__ import annotations

import os
import signal
import threading

import jax
import numpy as np
import pytest
from conftest import random_rbm

from harmonium import exact
from harmonium.exact import enumerate as plain
from harmonium.exact import factorized, host
from harmonium.units import Binary

each_sum = pytest.mark.parametrize("fewest", [1, 1 << 40], ids=["factorized", "plain"])


@each_sum
def test_progress_rises_to_one_in_the_calling_thread(small_blocks, fewest):
    small_blocks.setattr(factorized, "MIN_HOST_STATES", fewest)
    rbm = random_rbm(Binary, Binary, (9, 12))
    reported = []
    value = exact.log_partition(rbm, lambda fraction: reported.append((fraction, threading.get_ident())))
    fractions = [fraction for fraction, _ in reported]
    assert value == exact.log_partition(rbm)
    assert len(fractions) > 5
    assert fractions[0] > 0
    assert (np.diff(fractions) > 0).all()
    assert fractions[-1] == 1
    assert {thread for _, thread in reported} == {threading.get_ident()}
    assert factorized.log_block_sums._cache_size() + plain.log_block_sums._cache_size() == 1  # compiled once for all threads


def test_a_sum_in_one_call_reports_progress_once(two_by_two):
    reported = []
    exact.log_partition(two_by_two, reported.append)
    assert reported == [1]


@each_sum
@pytest.mark.parametrize("after", [1, 3])
def test_what_progress_raises_stops_the_sum_and_leaves_nothing_running(small_blocks, fewest, after):
    small_blocks.setattr(factorized, "MIN_HOST_STATES", fewest)
    rbm = random_rbm(Binary, Binary, (9, 12))
    threads = threading.active_count()
    reported = []

    def stop(fraction):
        reported.append(fraction)
        if len(reported) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exact.log_partition(rbm, stop)
    assert len(reported) == after
    assert threading.active_count() == threads


def test_ctrl_c_stops_the_loop_after_the_computations_that_have_begun():
    threads = threading.active_count()
    begun = []

    def compute(number):
        begun.append(number)
        if number == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return jax.numpy.zeros(1)

    with pytest.raises(KeyboardInterrupt):
        list(host.run(compute, 100_000))
    assert len(begun) < 1000
    assert threading.active_count() == threads


def test_what_a_computation_raises_reaches_the_caller():
    def compute(number):
        if number == 3:
            raise MemoryError
        return jax.numpy.zeros(1)

    with pytest.raises(MemoryError):
        list(host.run(compute, 10))
