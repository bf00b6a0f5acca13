"""Training: follow an estimate of the gradient of the mean ln p(v), as a generator of immutable states."""

from harmonium.training.checkpoint import Checkpoint, CheckpointManager, checkpoint_files, latest_checkpoint
from harmonium.training.config import TrainConfig
from harmonium.training.initialize import initialize
from harmonium.training.metrics import summarize
from harmonium.training.search import Trial, describe_trials
from harmonium.training.train import ENDINGS, TrainState, fit, train

__all__ = [
    "ENDINGS",
    "Checkpoint",
    "CheckpointManager",
    "TrainConfig",
    "TrainState",
    "Trial",
    "checkpoint_files",
    "describe_trials",
    "fit",
    "initialize",
    "latest_checkpoint",
    "summarize",
    "train",
]
