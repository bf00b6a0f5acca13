"""The result of every estimate of a log likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from harmonium.errors import InputError
from harmonium.likelihood.clamped import describe_unsettled

StageProgress: TypeAlias = Callable[[str, float], object]
"""Called with the name of the stage at work and the fraction of it that is done, in (0, 1]."""


STANDARD_ERRORS = 1.96
"""Standard errors on either side of a 95 % interval."""
MAX_WIDTH = 1.0
"""The widest interval (nats) without a warning."""
USELESS_WIDTH = 20.0
"""An interval wider than this says nothing of the model."""
MIN_EFFECTIVE_FRACTION = 0.1
"""The smallest effective fraction of the runs without a warning."""
MAX_UNVISITED = 0.01
"""The largest fraction of the probability in modes that no chain visits without a warning."""
RAISE_KEY = "raise_log_likelihood"


@dataclass(frozen=True, repr=False)
class LogLikelihood:
    """A mean log likelihood in nats per example, how it was obtained, and how far to trust it.

    `lower`, `upper`: ends of a 95 % interval for the mean over these very rows. Only ln Z is uncertain, and ln p of rows whose
    missing cells are sampled, so an exact value has lower = mean = upper; the interval of an estimate contains the forward and
    the reverse estimate with their statistical errors. `rows`: their number. `standard_error`: of the mean as an
    estimate for all rows of their kind (None for a single row). `effective_rows`: of rows with weights, (sum of weights)^2 /
    (sum of their squares): as many rows of one weight have as large an error. `seconds`: time spent.
    `effective_sample_size`: of the worse direction, in runs (None if exact, or from replicas). `arguments`: those of `evaluate`
    that repeat an estimate bit for bit on the same devices, with the counts that a time limit led to; `weights`, `base_rate` or
    `mesh` must be given again.
    `details`: the estimates of ln Z, and the work spent on them.

    Attributes:
        method: how it was obtained, in words.
        log_partition: ln Z, the value used.

    Raises:
        InputError: a value that is not finite.

    Example:
        >>> import harmonium as hm
        >>> rbm = hm.RBM(hm.Binary([0, 0]), hm.Binary([0, 0]), [[0.5, 0.5], [0.5, 0.5]])
        >>> result = hm.evaluate(rbm, [[0, 1], [1, 1]])
        >>> isinstance(result, hm.LogLikelihood), result.method, result.warnings
        (True, 'exact (all 4 visible states)', ())
    """

    mean: float
    lower: float
    upper: float
    method: str
    rows: int
    log_partition: float
    seconds: float
    effective_sample_size: float | None = None
    standard_error: float | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    effective_rows: float | None = None

    def __post_init__(self) -> None:
        for name in ("mean", "lower", "upper", "log_partition"):
            if not math.isfinite(value := getattr(self, name)):
                raise InputError(
                    f"the log likelihood must be finite, but its {name.replace('_', ' ')} is {value}: the energies exceed what "
                    "float64 holds; scale the parameters of the model down"
                )

    @property
    def log_partition_error(self) -> float:
        """The standard error that the interval stands for: that of ln Z, and of annealed rows."""
        return (self.upper - self.lower) / (2 * STANDARD_ERRORS)

    def to_dict(self) -> dict[str, Any]:
        """Names and plain numbers, for JSON."""
        return asdict(self) | {"warnings": self.warnings}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Reasons to doubt the value, each with a remedy, in one sentence."""
        warnings, details = [], self.details
        width, runs = self.upper - self.lower, details.get("runs")
        if width > MAX_WIDTH:
            low = f"; a conservative estimate (RAISE) is {details[RAISE_KEY]:.2f}" if RAISE_KEY in details else ""
            remedy = f"allow more seconds or more runs{low}" if runs else "give more rows, or rows with fewer missing cells"
            warnings.append(f"the interval is {width:.2f} nats wide: {remedy}")
        effective = self.effective_sample_size
        if effective is not None and effective < MIN_EFFECTIVE_FRACTION * details["runs"]:
            warnings.append(
                f"only {effective:.1f} of {runs} runs carry the estimate: allow more seconds, for more temperatures"
            )
        if not details.get("tempering_converged", True):
            warnings.append(
                "the tempered chains at which the reverse runs start still remember their own start "
                f"({details['tempering_difference']:.1f} standard errors between those from the data and from noise), so the "
                "value is that of the forward runs alone and the interval may be too short: allow more seconds, and run the "
                "diagnostics"
            )
        elif details.get("tempering_rungs") and (trips := details["tempering_round_trips"]) < details["runs"]:
            warnings.append(
                f"only {trips} states of {runs} ladders have traveled from the bottom to the top and back, so both estimates "
                "may miss modes: allow more seconds"
            )
        warnings += describe_modes(details.get("interval_was_raised", False), details.get("unvisited_fraction", 0.0))
        if unsettled := details.get("unsettled_rows"):
            warnings.append(describe_unsettled(unsettled))
        return tuple(warnings)

    def __repr__(self) -> str:
        return f"LogLikelihood({self})"

    def __str__(self) -> str:
        seconds = f"{self.seconds:.2g}" if self.seconds < 100 else f"{self.seconds:,.0f}"
        if self.upper - self.lower > USELESS_WIDTH:
            between = f"between {self.lower:,.0f} and {self.upper:,.0f} nats/example, too uncertain to use"
            return f"{between}, {self.method}, {seconds} s"
        exact = self.lower == self.upper
        # More decimals than the interval supports would claim too much.
        decimals = 3 if exact or self.upper - self.lower < 0.1 else 2
        interval = "" if exact else f" [{self.lower:.{decimals}f}, {self.upper:.{decimals}f}]"
        return f"{self.mean:.{decimals}f}{interval} nats/example, {self.method}, {seconds} s"


def describe_modes(was_raised: bool, unvisited: float) -> list[str]:
    """What to make of modes that search found, one sentence each; the arguments are those of a `BidirectionalAIS`."""
    warnings = []
    if was_raised:
        warnings.append(
            "states found by search are likelier than the whole estimate allowed, so the interval was moved to them, and "
            "ln Z may be larger still: allow more seconds, and run the diagnostics"
        )
    if unvisited > MAX_UNVISITED:
        warnings.append(
            f"modes that the tempered chains do not visit as often as they should have {unvisited:.2g} of the probability: "
            "search found them and they are counted, but there may be others: run the diagnostics"
        )
    return warnings


def details_of(estimates: Any, runs: int, rungs: int, round_trips: int, acceptance: float) -> dict[str, Any]:
    """The `details` of every estimate: its values of ln Z, and figures of the tempering that it rests on."""
    return {
        **{f"log_partition_{name}": getattr(estimates, name)._asdict() for name in ("forward", "reverse", "bar")},
        "runs": runs,
        "tempering_rungs": rungs,
        "tempering_round_trips": round_trips,
        "tempering_min_acceptance": acceptance,
    }
