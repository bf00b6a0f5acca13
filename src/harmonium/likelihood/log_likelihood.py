"""The result of every estimate of a log likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from harmonium.errors import InputError

StageProgress: TypeAlias = Callable[[str, float], object]
"""Called with the name of the stage at work and the fraction of it that is done, in (0, 1]."""


@dataclass(frozen=True)
class LogLikelihood:
    """A mean log likelihood in nats per example, how it was obtained, and how far to trust it.

    `lower`, `upper`: ends of a 95 % interval for the mean over these very rows. Only ln Z is uncertain, so an exact value has
    lower = mean = upper; the interval of an estimate contains the forward and the reverse estimate with their statistical
    errors. `rows`: their number. `seconds`: time spent. `effective_sample_size`: of the worse direction, in runs (None if
    exact, or from replicas). `warnings`: reasons to doubt the value, with remedies. `arguments`: those of `evaluate` that
    repeat an estimate bit for bit on the same devices, with the counts that a time limit led to; a `base_rate` or `mesh` must
    be given again. `details`: the estimates of ln Z, and the work spent on them.

    Raises:
        InputError: a value that is not finite.
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
    arguments: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("mean", "lower", "upper", "log_partition"):
            if not math.isfinite(value := getattr(self, name)):
                raise InputError(
                    f"the log likelihood must be finite, but its {name.replace('_', ' ')} is {value}: the energies exceed what "
                    "float64 holds; scale the parameters of the model down"
                )

    def as_dict(self) -> dict[str, Any]:
        """Names and plain numbers, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        exact = self.lower == self.upper
        # More decimals than the interval supports would claim too much.
        decimals = 3 if exact or self.upper - self.lower < 0.1 else 2
        interval = "" if exact else f" [{self.lower:.{decimals}f}, {self.upper:.{decimals}f}]"
        seconds = f"{self.seconds:.2g}" if self.seconds < 100 else f"{self.seconds:,.0f}"
        return f"{self.mean:.{decimals}f}{interval} nats/example, {self.method}, {seconds} s"
