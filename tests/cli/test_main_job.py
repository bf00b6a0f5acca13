"""README's first command as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import harmonium as hm


@pytest.mark.slow
def test_train_digits_learns_real_images(tmp_path):
    """The reported figure is recomputed from the files, and far above independent units (5 nats: measured 7.05)."""
    command = [sys.executable, "-m", "harmonium", "train", "digits", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    rbm = hm.load(tmp_path / report["run"])
    test = hm.data.load("digits").test
    assert report["log_likelihood"]["mean"] == pytest.approx(hm.exact.log_likelihood(rbm, test).mean(), abs=1e-9)
    assert report["log_likelihood"]["mean"] > report["baseline"] + 5
