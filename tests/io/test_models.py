"""Model files: what is saved comes back bit for bit, nothing is half written, and damage raises InputError or OSError alone."""

from __future__ import annotations

import errno
import json
import os
import struct
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import REFERENCE, random_rbm
from safetensors.numpy import save as serialize

import harmonium as hm
from harmonium import io
from harmonium.errors import InputError

HEADER = {"format": "harmonium", "version": "1", "visible": "binary", "hidden": "binary"}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def some_model(dtype: str = "f8", visible: type = hm.Binary, hidden: type = hm.Binary) -> hm.RBM:
    random = np.random.default_rng(0)
    layers = (visible(random.standard_normal(3).astype(dtype)), hidden(random.standard_normal(2).astype(dtype)))
    return hm.RBM(*layers, random.standard_normal((3, 2)).astype(dtype))


def assert_same(first: hm.RBM, second: hm.RBM) -> None:
    assert (type(first.visible), type(first.hidden)) == (type(second.visible), type(second.hidden))
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def written(arrays: dict | None = None, **description: str) -> str:
    """A file of the right format with parts replaced; a part replaced by None is left out."""
    rbm = some_model()
    parts = {"weights": rbm.weights, "visible.bias": rbm.visible.bias, "hidden.bias": rbm.hidden.bias} | (arrays or {})
    header = HEADER | description
    content = serialize(
        {name: np.array(array, order="C") for name, array in parts.items() if array is not None},
        {name: text for name, text in header.items() if text is not None},
    )
    Path("x.safetensors").write_bytes(content)
    return "x.safetensors"


def refused(path: str) -> str:
    """The line with which a file is refused: what is wrong with the file or the disk is an OSError, with its name."""
    with pytest.raises((InputError, OSError)) as caught:
        hm.load(path)
    error = caught.value
    message = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message


# ---- there and back


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2"])
@pytest.mark.parametrize("visible", [hm.Binary, hm.Spin])
@pytest.mark.parametrize("hidden", [hm.Binary, hm.Spin])
def test_round_trip_bit_for_bit(dtype, visible, hidden):
    rbm = some_model(dtype, visible, hidden)
    hm.save(rbm, "x.safetensors")
    assert_same(hm.load("x.safetensors"), rbm)


def test_round_trip_keeps_every_bit_of_awkward_numbers():
    awkward = np.array([[-0.0, 5e-324], [1.7976931348623157e153, np.nextafter(1, 2)], [1 / 3, -1e-200]])
    rbm = hm.RBM(hm.Binary([0.0, -0.0, 1.0]), hm.Binary([0.1, 0.2]), awkward)
    hm.save(rbm, "x.safetensors")
    assert_same(hm.load("x.safetensors"), rbm)


def test_round_trip_of_other_memory_layouts():
    """Device arrays, transposed views and the other byte order hold the same numbers."""
    rbm = some_model()
    foreign = hm.RBM(
        hm.Binary(jax.numpy.asarray(rbm.visible.bias, dtype="float32")),
        hm.Binary(rbm.hidden.bias.astype(">f8")),
        np.asfortranarray(rbm.weights),
    )
    hm.save(foreign, "x.safetensors")
    loaded = hm.load("x.safetensors")
    np.testing.assert_array_equal(loaded.visible.bias, rbm.visible.bias.astype("f4"))
    np.testing.assert_array_equal(loaded.hidden.bias, rbm.hidden.bias)
    assert loaded.hidden.bias.dtype.isnative
    assert loaded.weights.tobytes() == rbm.weights.tobytes()


def test_base_rate_and_notes_come_back():
    rbm = some_model(visible=hm.Spin)
    notes = {"trained_on": "digits: ä ∑", "updates": 7, "image_shape": [1, 3], "nested": {"rate": 0.1, "none": None}}
    base_rate = hm.Spin([0.1, 0.2, 0.3])
    hm.save(rbm, "x.safetensors", base_rate=base_rate, notes=notes)
    loaded, loaded_rate, description = io.load_with_header("x.safetensors")
    assert_same(loaded, rbm)
    assert type(loaded_rate) is hm.Spin
    assert loaded_rate.bias.tobytes() == base_rate.bias.tobytes()
    assert description == {"format": "harmonium", "version": 2, "visible": "spin", "hidden": "binary", "notes": notes}


def test_without_base_rate_and_notes_there_are_none():
    hm.save(some_model(), "x.safetensors")
    _, base_rate, description = io.load_with_header("x.safetensors")
    assert base_rate is None
    assert description["notes"] == {}


def test_a_folder_stands_for_the_model_in_it():
    Path("run").mkdir()
    hm.save(some_model(), "run/model.safetensors")
    assert_same(hm.load("run"), some_model())
    assert_same(hm.load(Path("run")), some_model())


def test_the_path_is_returned_and_may_be_of_any_kind():
    assert hm.save(some_model(), Path("x.safetensors")) == Path("x.safetensors")
    assert hm.save(some_model(), "any name at all") == Path("any name at all")
    assert_same(hm.load("any name at all"), some_model())


# ---- what is not written


@pytest.mark.parametrize(
    ("rbm", "settings", "words"),
    [
        ("no model", {}, "harmonium.RBM"),
        (hm.RBM(hm.Binary([0.0]), hm.Binary([0.0]), [[np.nan]]), {}, "weights: every value must be a finite number"),
        (hm.RBM(hm.Binary([0.0]), hm.Binary([0.0]), [[1.0, 2.0]]), {}, "weights must have shape"),
        (some_model(), {"notes": {"a": float("nan")}}, "notes cannot be written as JSON"),
        (some_model(), {"notes": {"a": np.zeros(2)}}, "notes cannot be written as JSON"),
        (some_model(), {"notes": {"a": {"b"}}}, "notes cannot be written as JSON"),
        (some_model(), {"notes": ["a"]}, "notes must be a dict"),
        (some_model(), {"base_rate": hm.Binary([0.0])}, "base_rate does not fit"),
        (some_model(), {"base_rate": hm.Binary([0.0, np.inf, 0.0])}, "base_rate does not fit"),
        (
            some_model(),
            {"base_rate": hm.Spin([0.0, 0.0, 0.0])},
            "base_rate does not fit the visible layer: it must be 3 binary units",
        ),
        (some_model(), {"base_rate": [0.0, 0.0, 0.0]}, "base_rate does not fit the visible layer: it must be 3 binary units"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(rbm, settings, words):
    with pytest.raises(InputError, match=words):
        hm.save(rbm, "x.safetensors", **settings)
    assert os.listdir() == []


# ---- files that are no good


@pytest.mark.parametrize("path", ["x.safetensors", "no/x.safetensors", "y" * 5000])
def test_missing_files(path):
    refused(path)


@pytest.mark.parametrize("path", [None, 5, b"x", "x\0y", ["x"]])
def test_what_is_no_name_of_a_file(path):
    for function in (hm.load, io.load_with_header, lambda path: hm.save(some_model(), path)):
        with pytest.raises(InputError, match="path must be the name of a file, but"):
            function(path)


def test_devices_and_pipes_are_not_read():
    os.mkfifo("pipe")
    for path in ("pipe", "/dev/zero"):
        assert "is a device or a pipe, but a model file was expected" in refused(path)


def test_a_folder_without_a_model():
    Path("run").mkdir()
    assert refused("run") == f"{Path('run/model.safetensors')}: there is no such model file"


@pytest.mark.parametrize("content", [b"", b"x", b"not a model at all", b"\xff" * 100, b"{}", b"\x93NUMPY"])
def test_files_of_other_kinds(content):
    Path("x.safetensors").write_bytes(content)
    assert "damaged or no model file" in refused("x.safetensors")


def test_another_programs_safetensors_file():
    Path("x.safetensors").write_bytes(serialize({"layer.weight": np.zeros((2, 2))}))
    assert "not one that harmonium wrote" in refused("x.safetensors")
    Path("x.safetensors").write_bytes(serialize({"layer.weight": np.zeros((2, 2))}, {"format": "pt"}))
    assert "not one that harmonium wrote" in refused("x.safetensors")


@pytest.mark.parametrize("version", ["3", "99", "0", "-1", "1.0", "", "one", "٢", "9" * 5000, None])
def test_other_versions(version):
    message = refused(written(version=version))
    assert "format version" in message
    assert "reads 1 and 2" in message


def test_every_truncation_is_noticed():
    hm.save(some_model(), "whole", base_rate=hm.Binary([0.0, 1.0, 2.0]))
    content = Path("whole").read_bytes()
    for length in range(len(content)):
        Path("x.safetensors").write_bytes(content[:length])
        refused("x.safetensors")
    Path("x.safetensors").write_bytes(content + b"\0")
    refused("x.safetensors")


def test_a_flipped_bit_in_any_byte_is_noticed():
    """In the header's length, its texts, its spaces, and the numbers: one bit of each byte."""
    random = np.random.default_rng(0)
    hm.save(some_model(), "whole", base_rate=hm.Binary([0.0, 1.0, 2.0]), notes={"updates": 7})
    content = Path("whole").read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << random.integers(8)
        Path("x.safetensors").write_bytes(flipped)
        refused("x.safetensors")


def test_a_file_without_a_checksum_is_refused_but_for_one_of_version_1():
    assert "checksum" in refused(written(version="2"))
    assert_same(hm.load(written()), some_model())


@pytest.mark.parametrize("file", sorted(REFERENCE.glob("model-version-*.safetensors")), ids=lambda file: file.stem)
def test_files_of_every_released_version_can_be_read(file):
    rbm, base_rate, description = io.load_with_header(file)
    assert_same(rbm, some_model())
    assert_same(hm.RBM(base_rate, rbm.hidden, rbm.weights), hm.RBM(hm.Binary([0.1, 0.2, 0.3]), rbm.hidden, rbm.weights))
    assert description["notes"] == {"updates": 7}


def test_a_flipped_bit_in_the_length_of_the_header():
    content = bytearray(Path(written()).read_bytes())
    for bit in range(64):
        flipped = content.copy()
        flipped[bit // 8] ^= 1 << bit % 8
        Path("x.safetensors").write_bytes(flipped)
        assert "damaged" in refused("x.safetensors")


@pytest.mark.parametrize("name", ["weights", "visible.bias", "hidden.bias"])
def test_a_missing_tensor_is_named(name):
    assert f"'{name}' is missing" in refused(written({name: None}))


@pytest.mark.parametrize("layer", ["visible", "hidden"])
@pytest.mark.parametrize("kind", ["quantum", "", None])
def test_unknown_kinds_of_units(layer, kind):
    words = f"missing required field '{layer}'" if kind is None else "is missing or unknown"
    assert words in refused(written(**{layer: kind}))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"weights": np.zeros((2, 3))}, "weights must have shape [3, 2]"),
        ({"weights": np.zeros(6)}, "weights must have shape [3, 2]"),
        ({"visible.bias": np.zeros(4)}, "weights must have shape [4, 2]"),
        ({"visible.bias": np.zeros((3, 1))}, "visible bias must have shape [N]"),
        ({"hidden.bias": np.zeros(0)}, "hidden bias must have shape [N]"),
        ({"hidden.bias": np.zeros(())}, "hidden bias must have shape [N]"),
        ({"weights": np.full((3, 2), np.nan)}, "weights: every value must be a finite number"),
        ({"visible.bias": np.array([0, np.inf, 0])}, "visible bias: every value must be a finite number"),
        ({"weights": np.zeros((3, 2), dtype=bool)}, "weights must be an array of real numbers"),
        ({"weights": np.zeros((3, 2), dtype=np.complex64)}, "damaged"),
        ({"base_rate.bias": np.zeros(5)}, "base_rate does not fit"),
        ({"base_rate.bias": np.full(3, np.nan)}, "base_rate does not fit"),
        ({"base_rate.other": np.zeros(3)}, "'base_rate.bias' is missing"),
    ],
)
def test_tensors_that_make_no_model(arrays, words):
    message = refused(written(arrays))
    assert "damaged" in message
    assert words in message


@pytest.mark.parametrize("notes", ["", "{", "[1]", "null", '"text"', "3", "\x00"])
def test_notes_that_are_no_json_object(notes):
    assert "damaged" in refused(written(notes=notes))


def test_a_file_that_the_disk_does_not_give_back(monkeypatch):
    written()

    def fail(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("safetensors.safe_open", fail)
    assert refused("x.safetensors") == "x.safetensors: cannot be read: Input/output error"


def header_of(content: bytes) -> tuple[int, dict]:
    length = 8 + struct.unpack("<Q", content[:8])[0]
    return length, json.loads(content[8:length])


def with_header(header: dict, values: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + values


@pytest.mark.parametrize(
    "dtype", ["BF16", "F8_E4M3", "F8_E5M2", "F16", "F32", "I64", "U64", "C64", "BOOL", "F128", "", 64, None]
)
@pytest.mark.parametrize("resized", [False, True])
def test_any_type_in_the_header_is_read_or_refused(dtype, resized):
    """Also types that NumPy does not have."""
    content = Path(written()).read_bytes()
    length, header = header_of(content)
    header["hidden.bias"]["dtype"] = dtype
    if resized:
        # As many values as fit into the bytes there are, so that not only the size gives the type away.
        width = {"BF16": 2, "F16": 2, "F32": 4, "F8_E4M3": 1, "F8_E5M2": 1, "BOOL": 1}.get(dtype, 8)
        header["hidden.bias"]["shape"] = [16 // width]
    Path("x.safetensors").write_bytes(with_header(header, content[length:]))
    try:
        size = hm.load("x.safetensors").hidden.size
    except InputError:
        size = None
    assert size in (2, None)


def test_two_hundred_random_damages_raise_nothing_else():
    """Cuts, flipped bits and overwritten bytes in the header: an InputError, or a model that is valid."""
    random = np.random.default_rng(0)
    hm.save(some_model(), "whole", base_rate=hm.Binary([0.0, 1.0, 2.0]), notes={"image_shape": [1, 3]})
    content = Path("whole").read_bytes()
    length, _ = header_of(content)
    messages = []
    for trial in range(200):
        damaged = bytearray(content)
        if trial % 4 == 0:
            damaged = damaged[: random.integers(len(damaged))]
        elif trial % 4 == 1:
            damaged[random.integers(length)] ^= 1 << random.integers(8)
        elif trial % 4 == 2:
            damaged[random.integers(length)] = random.integers(256)
        else:
            # Digits and letters inside the JSON, which leave it JSON more often than not.
            places = [i for i in range(8, length) if bytes([damaged[i]]).isalnum()]
            damaged[random.choice(places)] = random.choice(list(b"0123456789aF"))
        Path("x.safetensors").write_bytes(damaged)
        try:
            rbm, base_rate, description = io.load_with_header("x.safetensors")
        except InputError as error:
            messages.append(str(error))
        else:
            hm.model.validate(rbm)
            assert base_rate is None or base_rate.size == rbm.visible.size
            assert isinstance(description["notes"], dict)
            assert np.isfinite(hm.exact.log_partition(rbm))
    assert len(messages) > 100
    assert all(message.startswith("x.safetensors") for message in messages)


@pytest.mark.parametrize("name", ["gibbs", "tempering", "trajectory"])
@pytest.mark.slow_except("gibbs")
def test_a_samplers_state_comes_back_and_goes_on_as_if_it_had_never_left(tmp_path, name):
    rbm = jax.tree.map(jnp.float32, random_rbm(hm.Binary, hm.Binary, (4, 3)))
    sampler = {
        "gibbs": hm.gibbs(5),
        "tempering": hm.parallel_tempering(5, rungs=3),
        "trajectory": hm.trajectory_tempering(chains=5, rungs=3),
    }[name]
    state, _ = sampler.step(jax.random.key(1), rbm, sampler.init(jax.random.key(0), rbm))
    path = io.save_state(state, tmp_path / "chains.safetensors")
    loaded = io.load_state(path, jax.eval_shape(sampler.init, jax.random.key(0), rbm))
    assert type(loaded) is type(state)
    jax.tree.map(np.testing.assert_array_equal, state, loaded)
    ahead, again = (sampler.step(jax.random.key(2), rbm, s)[0] for s in (state, loaded))
    jax.tree.map(np.testing.assert_array_equal, ahead, again)


@pytest.mark.parametrize("name", ["tempered", "trajectory"])
def test_state_files_with_earlier_names_of_arrays_still_load(name):
    """Files of the state at the start with key 0."""
    rbm = jax.tree.map(jnp.float32, hm.RBM(hm.Binary(np.zeros(3)), hm.Binary(np.zeros(2)), np.ones((3, 2))))
    make = hm.parallel_tempering if name == "tempered" else hm.trajectory_tempering
    state = make(chains=4, rungs=3).init(jax.random.key(0), rbm)
    loaded = io.load_state(REFERENCE / f"state-{name}-version-2.safetensors", state)
    jax.tree.map(np.testing.assert_array_equal, state, loaded)


def test_state_files_that_do_not_fit_are_refused(tmp_path):
    rbm = jax.tree.map(jnp.float32, random_rbm(hm.Binary, hm.Binary, (4, 3)))
    state = hm.gibbs(5).init(jax.random.key(0), rbm)
    path = io.save_state(state, tmp_path / "chains.safetensors")
    with pytest.raises(FileExistsError, match="exists already"):
        io.save_state(state, path)
    with pytest.raises(hm.InputError, match=r"shape \[5, 4\].*\[6, 4\].*another model or sampler"):
        io.load_state(path, hm.gibbs(6).init(jax.random.key(0), rbm))
    with pytest.raises(hm.InputError, match="holds a Chains state, but a Tempered is expected"):
        io.load_state(path, hm.parallel_tempering(5).init(jax.random.key(0), rbm))
    with pytest.raises(FileNotFoundError, match="no such state file"):
        io.load_state(tmp_path / "absent", state)
    with pytest.raises(hm.InputError, match="not one that harmonium wrote"):
        io.load_state(hm.save(rbm, tmp_path / "model.safetensors"), state)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(hm.InputError, match="damaged"):
        io.load_state(path, state)
    with pytest.raises(hm.InputError, match="cannot be stored"):
        io.save_state({"key": np.array(["a"])}, tmp_path / "other")


KINDS = {
    "categorical": hm.Categorical([0.1, 0.2, 0.3], (2, 1)),
    "gaussian": hm.Gaussian([0.1, 0.2], [1.0, 3.0]),
    "relu": hm.ReLU([0.1, 0.2], [1.0, 3.0]),
    "drelu": hm.DReLU([0.1], [0.2], [0.3], [0.4]),
    "mixed": hm.Mixed((hm.Binary([0.1]), hm.Mixed((hm.Categorical([0.1, 0.2], (2,)), hm.Gaussian([0.5], [2.0]))))),
}


@pytest.mark.parametrize("units", KINDS.values(), ids=list(KINDS))
def test_every_kind_comes_back(units, tmp_path):
    rbm = hm.RBM(units, hm.Binary([0.5]), np.ones((units.size, 1)))
    path = hm.save(rbm, tmp_path / "m.safetensors", base_rate=units)
    back, base_rate, description = io.load_with_header(path)
    assert jax.tree.structure((back, base_rate)) == jax.tree.structure((rbm, units))
    jax.tree.map(np.testing.assert_array_equal, (back, base_rate), (rbm, units))
    # Kinds that their arrays describe are named as they always were.
    assert description["visible"].startswith("{") == (units.name in ("categorical", "mixed"))


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "categorical",
        '{"kind": "categorical"}',
        '{"kind": "categorical", "levels": 3}',
        '{"kind": "categorical", "levels": [1, 1]}',
        '{"kind": "categorical", "levels": ["a"]}',
        '{"kind": "mixed", "parts": 5}',
        '{"kind": "mixed", "parts": []}',
        '{"kind": "mixed", "parts": [{"kind": "binary"}]}',
        '{"kind": ["mixed"]}',
        '{"levels": [3]}',
    ],
)
def test_descriptions_that_make_no_layer(text):
    assert "damaged" in refused(written(visible=text))
