"""Enumeration: the machine's distribution with nothing estimated. The oracle of all tests."""

from harmonium.exact.blocks import enumerable_states
from harmonium.exact.halves import log_partition_and_statistics
from harmonium.exact.tables import JointTable, all_states, configurations, joint_table, most_probable
from harmonium.exact.values import (
    Moments,
    forecast,
    log_likelihood,
    log_partition,
    log_reconstruction,
    moments,
    sample,
    sample_joint,
    tempered,
)

__all__ = [
    "JointTable",
    "Moments",
    "all_states",
    "configurations",
    "enumerable_states",
    "forecast",
    "joint_table",
    "log_likelihood",
    "log_partition",
    "log_partition_and_statistics",
    "log_reconstruction",
    "moments",
    "most_probable",
    "sample",
    "sample_joint",
    "tempered",
]
