"""Kinds of unit, one file each; `base.py` is the contract of their distributions, `codec.py` that of their values."""

from harmonium.units.base import Units, type_name_to_class
from harmonium.units.binary import Binary
from harmonium.units.categorical import Categorical
from harmonium.units.drelu import DReLU
from harmonium.units.gaussian import Gaussian
from harmonium.units.mixed import Mixed
from harmonium.units.relu import ReLU
from harmonium.units.spin import Spin

__all__ = [
    "Binary",
    "Categorical",
    "DReLU",
    "Gaussian",
    "Mixed",
    "ReLU",
    "Spin",
    "Units",
    "type_name_to_class",
]
