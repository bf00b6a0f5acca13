"""Estimators of the gradient of the mean log likelihood."""

from harmonium.gradients.estimators import (
    Centered,
    Estimator,
    Terms,
    by_name,
    cd,
    centered,
    chains_of,
    exact,
    from_sampler,
    pcd,
    places,
    state_axes,
)

__all__ = [
    "Centered",
    "Estimator",
    "Terms",
    "by_name",
    "cd",
    "centered",
    "chains_of",
    "exact",
    "from_sampler",
    "pcd",
    "places",
    "state_axes",
]
