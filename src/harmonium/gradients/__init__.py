"""Estimators of the gradient of the mean log likelihood."""

from harmonium.gradients.centering import Centered, centered
from harmonium.gradients.contrastive import by_name, cd, exact, from_sampler, pcd
from harmonium.gradients.estimator import Estimator, Terms, chains_of, state_axes

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
    "state_axes",
]
