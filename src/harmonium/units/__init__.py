"""Kinds of unit, one file each; `base.py` states what every kind must provide."""

from harmonium.units.base import Units, type_name_to_class
from harmonium.units.binary import Binary
from harmonium.units.categorical import Categorical
from harmonium.units.drelu import DReLU
from harmonium.units.gaussian import Gaussian
from harmonium.units.mixed import Mixed
from harmonium.units.relu import ReLU
from harmonium.units.spin import Spin
from harmonium.units.stand_ins import with_stand_ins

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
    "with_stand_ins",
]
