"""Files that anybody may have written: each is used, or refused in one line, whatever is in it; none is read without bound."""

from __future__ import annotations

import gzip
import json
import math
import os
from pathlib import Path

import ml_dtypes
import msgspec
import numpy as np
import pytest
from safetensors.numpy import save as serialize

import harmonium as hm
from harmonium import io
from harmonium.errors import InputError
from harmonium.io import container, models, untrusted
from harmonium.io.untrusted import MAX_DEPTH, convert, parse_json, parse_toml, read_file


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refusal(function, *arguments) -> str:
    with pytest.raises(InputError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---- texts


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    step: int
    rates: list[float] = []


def test_text_of_the_declared_type_is_read():
    assert parse_json('{"step": 3, "rates": [1, 0.5]}', Settings, "x") == Settings(3, [1.0, 0.5])
    assert parse_toml("step = 3", Settings, "x") == Settings(3)
    assert parse_json(b"[1, null, true]", object, "x") == [1, None, True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "x cannot be read as JSON: Expecting value"),
        ("{", "x cannot be read as JSON"),
        (b"\xff", "x cannot be read as JSON"),
        ("[" * 100_000, "x cannot be read as JSON: it is nested too deeply"),
        ('{"step": ' * 100_000, "nested too deeply"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), f"nested more than {MAX_DEPTH} levels"),
        ("9" * 5000, "x cannot be read as JSON"),
        ('{"step": 1, "rates": [NaN]}', "x: nan is no finite number"),
        ('{"step": 1, "rates": [1e999]}', "x: inf is no finite number"),
        ('{"step": 1, "rates": [1' + "0" * 400 + "]}", "x: "),
        ('{"step": "3"}', "x: step: expected 'int', got 'str'"),
        ('{"step": 3, "rates": [0, null]}', "x: rates[1]: expected 'float', got 'null'"),
        ('{"step": 3, "color": 1}', "x: object contains unknown field 'color'"),
        ("{}", "x: object missing required field 'step'"),
        ("[]", "x: expected 'object', got 'array'"),
    ],
)
def test_other_json_is_refused(text, words):
    assert words in refusal(parse_json, text, Settings, "x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("step = = 3", "x cannot be read as TOML"),
        ("step = " + "[" * 100_000, "nested too deeply"),
        ("a." * 500 + "a = 1", f"nested more than {MAX_DEPTH} levels"),
        ("step = 1979-05-27", "x: step: expected 'int', got"),
        ("step = 3\nrates = [nan]", "x: nan is no finite number"),
    ],
)
def test_other_toml_is_refused(text, words):
    assert words in refusal(parse_toml, text, Settings, "x")


def test_long_texts_are_refused_before_they_are_read(monkeypatch):
    monkeypatch.setattr(untrusted, "MAX_TEXT_BYTES", 10)
    assert "longer than 10 bytes" in refusal(parse_json, "[1, 2, 3, 4]", object, "x")


def test_numbers_that_are_not_finite_may_be_allowed():
    assert math.isnan(convert(math.nan, float, "x", finite=False))


# ---- files


def test_what_never_ends_is_not_read():
    os.mkfifo("pipe")
    for path in ("/dev/zero", "pipe"):
        assert "is a device or a pipe, but a file was expected" in refusal(read_file, Path(path), "file")
    assert "is a folder" in refusal(read_file, Path("."), "file")


def test_decompression_is_bounded(monkeypatch):
    monkeypatch.setattr(untrusted, "FREE_BYTES", 10_000)
    Path("x.gz").write_bytes(gzip.compress(b"0" * 50_000_000))
    size = Path("x.gz").stat().st_size
    assert f"its {size:,} bytes grow to more than {100 * size:,}" in refusal(read_file, Path("x.gz"), "file")
    assert len(read_file(Path("x.gz"), "file", max_bytes=50_000_000)) == 50_000_000
    assert "grow to more than 49,999,999" in refusal(read_file, Path("x.gz"), "file", 49_999_999)
    # What is small is never refused, however well it is compressed.
    Path("y.gz").write_bytes(gzip.compress(b"0" * 10_000))
    assert len(read_file(Path("y.gz"), "file")) == 10_000


# ---- containers with a valid checksum


LAYER = hm.Mixed((hm.Binary([0.1]), hm.Categorical([0.1, 0.2], (2,)), hm.Gaussian([0.5], [2.0])))
MODEL = hm.RBM(LAYER, hm.Binary([0.5, 0.1]), 0.1 * np.ones((4, 2)))
TEXTS = [
    "",
    "{",
    "null",
    "3",
    "[]",
    "[" * 9999,
    '{"a":' * 9999,
    '{"kind": "mixed", "parts": ' * 90,
    "1e999",
    "9" * 5000,
    "\x1b[2J\n",
]
VALUES = [None, 3, -1, 2**70, "a", "binary", "mixed", [], {}, [[]], [1e300], {"kind": []}, True, [None], [2**40]]
ARRAYS = [
    np.zeros(()),
    np.zeros(0),
    np.zeros((2, 2)),
    np.full(4, np.nan),
    np.full((4, 2), 1e308),
    np.zeros(4, bool),
    np.zeros(4, np.complex64),
    np.zeros(4, ml_dtypes.bfloat16),
    np.zeros((4, 2), ml_dtypes.float8_e4m3fn),
    np.zeros((4, 2), np.int64),
    np.zeros((4, 2), np.float16),
]


def mutate_json(value, random):
    """The value with one part of it replaced."""
    if isinstance(value, (dict, list)) and value and random.random() < 0.8:
        key = random.choice(list(value)) if isinstance(value, dict) else int(random.integers(len(value)))
        copy = dict(value) if isinstance(value, dict) else list(value)
        if random.random() < 0.2:
            del copy[key]
        else:
            copy[key] = mutate_json(value[key], random)
        return copy
    return VALUES[random.integers(len(VALUES))]


def mutate(arrays, texts, random) -> bytes:
    """The content of a file in which one thing is another, with the checksum that belongs to it."""
    arrays, texts = dict(arrays), dict(texts)
    name = random.choice([*arrays, *texts, *texts])
    if name in arrays:
        if random.random() < 0.2:
            del arrays[name]
        else:
            arrays[name] = ARRAYS[random.integers(len(ARRAYS))]
    elif random.random() < 0.1:
        del texts[name]
    elif texts[name].startswith("{") and random.random() < 0.7:
        texts[name] = json.dumps(mutate_json(json.loads(texts[name]), random))
    else:
        texts[name] = TEXTS[random.integers(len(TEXTS))]
    sums = {name: array.view(np.uint8) if array.dtype.kind == "V" else array for name, array in arrays.items()}
    return serialize(arrays, texts | {container.CHECKSUM: container._checksum(sums, texts)})


TABLE = {"a": [0, 1, 0, 1], "b": ["x", "y", "x", "y"], "c": [0.5, 2.5, 3.5, 9.5]}
SCHEMA = hm.tabular.infer(TABLE, {"b": "categorical"}).description()


class Progress(container.Header, frozen=True, kw_only=True):
    FORMAT = "harmonium trial"
    WHAT = "trial"

    progress: dict[str, Settings]


@pytest.mark.parametrize("kind", ["model", "state", "other"])
def test_mutated_containers_are_used_or_refused_in_a_line(kind):
    """Among them a BF16 tensor, deep JSON, numbers of any size, and types other than those declared."""
    random = np.random.default_rng(0)
    state = {"v": np.ones((4, 2)), "n": np.arange(4)}
    read = {
        "model": lambda: hm.model.validate(hm.tabular.load("x")[0]),
        "state": lambda: io.load_state(Path("x"), state),
        "other": lambda: container.unpack(Path("x"), Progress),
    }[kind]
    if kind == "model":
        hm.save(MODEL, "good", base_rate=LAYER, notes={"columns": ["a"], "schema": SCHEMA})
        header = models.ModelHeader
    elif kind == "state":
        io.save_state(state, "good")
        header = models.StateHeader
    else:
        content = container.pack(state, Progress(progress={"a": Settings(3), "b": Settings(4, [0.5])}))
        container.write_file("good", content)
        header = Progress
    arrays, _ = container.unpack(Path("good"), header)
    with open("good", "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        texts = json.loads(file.read(length))["__metadata__"]
    del texts[container.CHECKSUM]
    messages = []
    for _ in range(300):
        Path("x").write_bytes(mutate(arrays, texts, random))
        try:
            read()
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > 150
    assert all(message.startswith("x") and "\n" not in message for message in messages)
