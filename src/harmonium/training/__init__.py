"""Training: follow an estimate of the gradient of the mean ln p(v), as a generator of immutable states."""

from harmonium.training.checkpoint import Checkpoint
from harmonium.training.loop import train
from harmonium.training.patience import Brake
from harmonium.training.run import TrainState
from harmonium.training.start import initialize

__all__ = ["Brake", "Checkpoint", "TrainState", "initialize", "train"]
