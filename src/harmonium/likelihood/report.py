"""The one form in which a log likelihood is reported."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Likelihood:
    """A mean log likelihood in nats per example, and how it was obtained.

    `lower` and `upper` are the ends of a 95 % interval for the mean log likelihood of the very rows given: what is uncertain
    is ln Z, so an exact one has lower = mean = upper. `rows`: how many. `seconds`: spent.
    """

    mean: float
    lower: float
    upper: float
    method: str
    rows: int
    log_partition: float
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Names and plain numbers, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        interval = "" if self.lower == self.upper else f" [{self.lower:.3f}, {self.upper:.3f}]"
        return f"{self.mean:.3f}{interval} nats/example, {self.method}, {self.seconds:.2g} s"
