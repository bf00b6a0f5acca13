"""The page's reader and writer of model files beside the library's, on sound files, old ones and damaged ones."""

from __future__ import annotations

import base64
import hashlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save as write_tensors

import harmonium as hm
from harmonium.errors import InputError
from tests.damage import damaged
from tests.lab import node

REFERENCE = Path(__file__).parents[1] / "reference"
READ = """
import { readModel } from "lab/engine/model-file.js";
import { Gibbs } from "lab/engine/bits.js";
import { FileError } from "lab/engine/safetensors.js";
answer(given.map(({ file, v }) => {
  try {
    const { rbm, constant, kinds, notes } = readModel(new Uint8Array(Buffer.from(file, "base64")));
    const bits = Uint8Array.from(v ?? new Array(rbm.V).fill(0));
    return { kinds, notes, size: [rbm.V, rbm.H], free: [...new Gibbs(rbm).freeEnergies(bits)].map((f) => f + constant) };
  } catch (error) {
    return { error: error.message, foreseen: error instanceof FileError };
  }
}));
"""


def read(*files: bytes, v: list[np.ndarray] | None = None) -> list[dict[str, Any]]:
    """What the page finds in files; `v`: rows of bits of each, whose free energies are wanted."""
    rows = [None] * len(files) if v is None else [each.astype(int).ravel().tolist() for each in v]
    return node.run(READ, [{"file": base64.b64encode(f).decode(), "v": r} for f, r in zip(files, rows, strict=True)])


def model(
    kinds: tuple[type, type] = (hm.Binary, hm.Binary), dtype: type = np.float64, size: tuple[int, int] = (7, 4)
) -> hm.RBM:
    draw = np.random.default_rng(1)
    a, b, weights = (draw.normal(size=shape).astype(dtype) for shape in (size[0], size[1], size))
    return hm.RBM(kinds[0](a), kinds[1](b), weights)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kinds", [(v, h) for v in (hm.Binary, hm.Spin) for h in (hm.Binary, hm.Spin)])
def test_models_have_the_librarys_free_energies(tmp_path, kinds, dtype):
    rbm = model(kinds, dtype)
    notes = {"image_shape": [7, 1], "trained_on": "caf\u00e9 \u2013 \U0001f600\x7f\n", "x": None}
    file = hm.save(rbm, tmp_path / "m", notes=notes, base_rate=kinds[0](np.zeros(7))).read_bytes()
    bits = np.random.default_rng(2).integers(0, 2, (5, 7))
    (found,) = read(file, v=[bits])
    assert found["kinds"] == [kind(np.zeros(1)).name for kind in kinds]
    assert found["notes"] == notes
    states = bits if kinds[0] is hm.Binary else 2 * bits - 1
    # The library computes in the precision of the model.
    exact = hm.RBM(kinds[0](rbm.visible.bias.astype(float)), kinds[1](rbm.hidden.bias.astype(float)), rbm.weights.astype(float))
    np.testing.assert_allclose(found["free"], hm.free_energy(exact, states), rtol=1e-12)


def test_files_of_all_versions_are_read():
    for version in (1, 2):
        path = REFERENCE / f"model-version-{version}.safetensors"
        rbm = hm.load(path)
        (found,) = read(path.read_bytes())
        if {rbm.visible.name, rbm.hidden.name} <= {"binary", "spin"}:
            assert found["size"] == list(rbm.weights.shape)
        else:
            assert "this page opens models of binary or spin units" in found["error"]


def accepted(path: Path, content: bytes) -> hm.RBM | None:
    path.write_bytes(content)
    try:
        return hm.load(path)
    except InputError:
        return None


@pytest.mark.parametrize("with_checksum", [True, False])
def test_damaged_files_are_refused_where_the_library_refuses_them(tmp_path, with_checksum):
    file = hm.save(model(dtype=np.float32), tmp_path / "m", notes={"updates": 3}).read_bytes()
    if not with_checksum:  # a file of version 1
        rbm = model(dtype=np.float32)
        arrays = {"weights": rbm.weights, "visible.bias": rbm.visible.bias, "hidden.bias": rbm.hidden.bias}
        texts = {"format": "harmonium", "version": "1", "visible": "binary", "hidden": "binary", "notes": "{}"}
        file = write_tensors(arrays, texts)
    chance = random.Random(0)
    files = [file, *(damaged(file, chance) for _ in range(400))]
    expected = [accepted(tmp_path / "d", each) for each in files]
    assert sum(rbm is not None for rbm in expected) > (0 if with_checksum else 5)
    found = read(*files)
    for n, (rbm, page) in enumerate(zip(expected, found, strict=True)):
        assert (rbm is None) == ("error" in page), (n, page)
        assert page.get("foreseen", True), page
        if rbm is not None:
            assert page["size"] == list(rbm.weights.shape)
            exact = hm.RBM(
                hm.Binary(rbm.visible.bias.astype(float)), hm.Binary(rbm.hidden.bias.astype(float)), rbm.weights.astype(float)
            )
            np.testing.assert_allclose(page["free"], [hm.free_energy(exact, np.zeros(rbm.visible.size))], rtol=1e-12)


def test_what_is_wrong_is_said_in_words(tmp_path):
    good = hm.save(model(), tmp_path / "good").read_bytes()
    gaussian = hm.RBM(hm.Gaussian.zeros(2), hm.Binary.zeros(2), np.zeros((2, 2)))
    foreign = write_tensors({"weights": np.ones((2, 2))})
    wide = hm.RBM(hm.Binary.zeros(5001), hm.Binary.zeros(1), np.zeros((5001, 1)))
    state = (REFERENCE / "state-tempered-version-2.safetensors").read_bytes()
    later = good.replace(b'"version":"2"', b'"version":"3"')
    assert later != good
    cases = {
        b"": "is not a model file, or is damaged: its header is longer than the file",
        b"hello, world": "is not a model file",
        good[:-1]: "is not a model file, or is damaged",
        good[:-1] + bytes([good[-1] ^ 1]): "its checksum differs",
        later: "has format version 3, or is damaged",
        foreign: "is a safetensors file, but not one that harmonium wrote as a model file",
        state: "is a safetensors file, but not one that harmonium wrote as a model file",
        hm.save(
            gaussian, tmp_path / "gaussian"
        ).read_bytes(): "has gaussian units; this page opens models of binary or spin units",
        hm.save(wide, tmp_path / "wide").read_bytes(): "has 5,001 visible and 1 hidden units",
    }
    for found, said in zip(read(*cases), cases.values(), strict=True):
        assert said in found["error"]
        assert found["foreseen"]


WRITE = """
import { createRbm } from "lab/engine/rbm.js";
import { writeModel } from "lab/engine/model-file.js";
const rbm = createRbm(given.V, given.H, Float64Array.from(given.theta));
answer(Buffer.from(writeModel(rbm, Float64Array.from(given.base), given.notes)).toString("base64"));
"""


def test_the_library_reads_what_the_page_writes(tmp_path):
    rbm = model()
    theta = [*rbm.weights.ravel(), *rbm.visible.bias, *rbm.hidden.bias]
    notes = {"trained_on": "digits", "updates": 7, "settings": {"rate": 0.05}, "words": "d\u00e9j\u00e0 \U0001f600"}
    written = node.run(WRITE, {"V": 7, "H": 4, "theta": theta, "base": list(range(7)), "notes": notes})
    path = tmp_path / "page.safetensors"
    path.write_bytes(base64.b64decode(written))
    found, base_rate, header = hm.io.load_with_header(path)
    for one, other in (
        (found.weights, rbm.weights),
        (found.visible.bias, rbm.visible.bias),
        (found.hidden.bias, rbm.hidden.bias),
    ):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(base_rate.bias, np.arange(7))
    assert header["notes"] == notes


def test_the_checksum_is_sha_256():
    chunks = [bytes(range(256)) * 3 + b"x" * n for n in range(130)]
    script = 'import { sha256 } from "lab/engine/safetensors.js"; answer(given.map((t) => sha256(Buffer.from(t, "base64"))));'
    found = node.run(script, [base64.b64encode(each).decode() for each in chunks])
    assert found == [hashlib.sha256(each).hexdigest() for each in chunks]
