"""Kinds of unit; `base.py` is the contract of their distributions, `codec.py` that of their values."""

from harmonium.units.base import Units, type_name_to_class
from harmonium.units.correlated import CorrelatedGaussian
from harmonium.units.discrete import Binary, Categorical, Spin, by_name
from harmonium.units.mixed import Mixed
from harmonium.units.real_valued import DReLU, Gaussian, ReLU

__all__ = [
    "Binary",
    "Categorical",
    "CorrelatedGaussian",
    "DReLU",
    "Gaussian",
    "Mixed",
    "ReLU",
    "Spin",
    "Units",
    "by_name",
    "type_name_to_class",
]
