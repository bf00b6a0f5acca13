"""Several devices, in one process or in many, that work as one: a mesh of data x hidden units."""

from harmonium.mesh.axes import DATA, HIDDEN
from harmonium.mesh.processes import joined, left
from harmonium.mesh.spread import ALONE, Spread, divided, over, specs

__all__ = ["ALONE", "DATA", "HIDDEN", "Spread", "divided", "joined", "left", "over", "specs"]
