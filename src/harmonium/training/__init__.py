"""Training: follow an estimate of the gradient of the mean ln p(v), as a generator of immutable states."""

from harmonium.training.loop import DivergenceError, TrainState, train
from harmonium.training.start import initial
from harmonium.training.stopping import stop_early

__all__ = ["DivergenceError", "TrainState", "initial", "stop_early", "train"]
