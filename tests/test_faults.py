"""Model files and checkpoints damaged at random are refused in one line (benchmarks/faults.py does it at length)."""

from __future__ import annotations

import random

import numpy as np
import pytest
from damage import damaged

import harmonium as hm
from harmonium.training import Checkpoint


@pytest.mark.parametrize("kind", ["model", "checkpoint"])
def test_damaged_files_are_refused(kind, tmp_path):
    rows = np.random.default_rng(0).integers(0, 2, size=(50, 12))
    rbm = hm.initialize(rows, hidden=8)
    path = tmp_path / f"{kind}.safetensors"
    if kind == "model":
        hm.save(rbm, path, notes={"a": 1})
    else:
        next(hm.train(rbm, rows, estimator="pcd-1", chains=10, updates=1)).checkpoint.save(path)
    content, chance = path.read_bytes(), random.Random(2)
    for _ in range(150):
        path.write_bytes(changed := damaged(content, chance))
        if changed != content:
            with pytest.raises(hm.InputError) as refusal:
                (hm.load if kind == "model" else Checkpoint.load)(path)
            assert "\n" not in str(refusal.value)
