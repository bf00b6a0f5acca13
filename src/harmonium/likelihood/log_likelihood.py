"""The one form in which a log likelihood is reported."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class LogLikelihood:
    """A mean log likelihood in nats per example, how it was obtained and how far to trust it.

    `lower` and `upper` are the ends of a 95 % interval for the mean log likelihood of the very rows given: what is uncertain
    is ln Z, so an exact one has lower = mean = upper. An estimated one's interval contains the forward and the reverse
    estimate with their statistical errors. `rows`: how many. `seconds`: spent. `effective_sample_size`: of the worse of
    the two directions, in runs (None if exact, or from a ladder). `warnings`: why not to believe it, and what to do.
    `details`: the estimates of ln Z one by one, and what was spent on them.
    """

    mean: float
    lower: float
    upper: float
    method: str
    rows: int
    log_partition: float
    seconds: float
    effective_sample_size: float | None = None
    warnings: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Names and plain numbers, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        exact = self.lower == self.upper
        # More decimals than the interval supports would claim what is not known.
        decimals = 3 if exact or self.upper - self.lower < 0.1 else 2
        interval = "" if exact else f" [{self.lower:.{decimals}f}, {self.upper:.{decimals}f}]"
        seconds = f"{self.seconds:.2g}" if self.seconds < 100 else f"{self.seconds:,.0f}"
        return f"{self.mean:.{decimals}f}{interval} nats/example, {self.method}, {seconds} s"
