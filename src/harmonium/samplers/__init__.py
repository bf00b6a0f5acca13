"""Transition kernels, one file each; `base.py` states what a sampler is."""

from harmonium.samplers.base import Sampler, Samples
from harmonium.samplers.gibbs import Chains, gibbs
from harmonium.samplers.parallel_tempering import Tempered, parallel_tempering
from harmonium.samplers.trajectory_tempering import Trajectory, trajectory_tempering

__all__ = ["Chains", "Sampler", "Samples", "Tempered", "Trajectory", "gibbs", "parallel_tempering", "trajectory_tempering"]
