"""Training: follow an estimate of the gradient of the mean ln p(v), as a generator of immutable states."""

from harmonium.training.loop import DivergenceError, TrainState, train
from harmonium.training.patience import Brake
from harmonium.training.start import initial

__all__ = ["Brake", "DivergenceError", "TrainState", "initial", "train"]
