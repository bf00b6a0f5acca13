"""Transition kernels, one file each; `base.py` states what a sampler is."""

from harmonium.samplers.base import Sampler, Samples
from harmonium.samplers.gibbs import Chains, gibbs

__all__ = ["Chains", "Sampler", "Samples", "gibbs"]
