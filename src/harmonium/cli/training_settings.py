"""How to train: what the options ask for, and beside it what suits the data and the machine."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from harmonium.errors import InputError

if TYPE_CHECKING:
    from harmonium.data import Dataset
    from harmonium.model import RBM
    from harmonium.training.settings import Settings

DEFAULT_MINUTES, PATIENCE = 2.0, 1.0


def settings_of(options: argparse.Namespace, dataset: Dataset, rbm: RBM, parts: int) -> Settings:
    """What is asked for, and beside it what suits the data; written back into the options, so that the run is on record.

    `parts`: how many devices share the rows and chains of an update.
    """
    from dataclasses import fields, replace

    from harmonium import _checks
    from harmonium.training.precision import bfloat16_is_native
    from harmonium.training.settings import settings_for

    if options.patience is not None and options.patience != 0:
        _checks.positive(options.patience, "--patience")
    if options.updates is options.epochs is options.minutes is None:
        options.minutes = DEFAULT_MINUTES
    if options.patience is None:
        options.patience = 0.0 if options.minutes is None else PATIENCE
    chosen = settings_for(len(dataset.train), rbm, options.estimator, parts)
    if dataset.entropy is not None:
        chosen = replace(chosen, l1=0.0)  # the rows are the law itself: there is nothing to overfit
    if options.not_centered:
        chosen = replace(chosen, centered=False)
    asked = {field.name: getattr(options, field.name, None) for field in fields(chosen)}
    chosen = replace(chosen, **{name: value for name, value in asked.items() if value is not None})
    _checks.positive(chosen.rate, "--rate")
    if _checks.fraction(chosen.momentum, "--momentum") == 1:
        raise InputError("--momentum must be below 1: with 1 no step would ever be forgotten")
    _checks.integer(chosen.batch, "--batch")
    _checks.integer(chosen.chains, "--chains")
    if chosen.l1 != 0:
        _checks.positive(chosen.l1, "--l1")
    by_gibbs = chosen.estimator.startswith(("pcd", "cd"))
    if options.precision == "bf16" and not by_gibbs:
        raise InputError(f"--precision bf16 is for the estimators pcd-K and cd-K, but the estimator is {chosen.estimator}")
    if options.precision == "auto":
        # Real values would be rounded with their products; zeros and ones are not.
        rounded = by_gibbs and rbm.visible.state_count is not None and bfloat16_is_native()
        options.precision = "bf16" if rounded else "float32"
    for field in fields(chosen):
        if field.name != "centered":
            setattr(options, field.name, getattr(chosen, field.name))
    return chosen
