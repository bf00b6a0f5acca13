"""Transition kernels, one file each; `base.py` states what a sampler is."""

from harmonium.samplers.base import Sampler, Samples
from harmonium.samplers.gibbs import Chains, gibbs
from harmonium.samplers.tempering import Tempered, tempering
from harmonium.samplers.trajectory import Trajectory, trajectory

__all__ = ["Chains", "Sampler", "Samples", "Tempered", "Trajectory", "gibbs", "tempering", "trajectory"]
