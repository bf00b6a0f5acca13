"""Enumeration: the model's distribution with nothing estimated. The oracle of all tests."""

from harmonium.exact.distribution import (
    Moments,
    at_temperature,
    estimate_seconds,
    log_likelihood,
    log_partition,
    log_reconstruction,
    moments,
    sample,
    sample_joint,
)
from harmonium.exact.enumerate import enumerable_states
from harmonium.exact.tables import JointTable, all_states, configurations, joint_table, most_probable

__all__ = [
    "JointTable",
    "Moments",
    "all_states",
    "at_temperature",
    "configurations",
    "enumerable_states",
    "estimate_seconds",
    "joint_table",
    "log_likelihood",
    "log_partition",
    "log_reconstruction",
    "moments",
    "most_probable",
    "sample",
    "sample_joint",
]
