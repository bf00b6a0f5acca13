"""Kinds of unit, one file each; `base.py` states what every kind must provide."""

from harmonium.units.base import Units, type_name_to_class
from harmonium.units.binary import Binary
from harmonium.units.spin import Spin

__all__ = ["Binary", "Spin", "Units", "type_name_to_class"]
