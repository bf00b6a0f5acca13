"""Every mistake at the command line: one line that says it, a non-zero status, no output, and no file left behind."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save as serialize

import harmonium as hm
from harmonium.cli import run

W = '--weights "0.5 0.5; 0.5 0.5"'
HUGE = "9" * 20


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder of good and bad files, which no mistake changes."""
    folder = tmp_path_factory.mktemp("files")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_files()
    return folder


def write_files() -> None:
    random = np.random.default_rng(0)
    bits = random.integers(0, 2, (20, 2)).astype(float)
    rbm = hm.RBM(hm.Binary([0.1, 0.2]), hm.Binary([0.0, 1.0]), [[1.0, 2.0], [3.0, 4.0]])
    hm.save(rbm, "m.safetensors", notes={"image_shape": [5, 5]})
    hm.save(rbm, "named.safetensors", notes={"columns": ["a", "b"]})
    hm.save(hm.RBM(hm.Spin([0.1, 0.2]), hm.Binary([0.0]), [[1.0], [3.0]]), "spin.safetensors")
    large = hm.RBM(hm.Binary(np.zeros(40)), hm.Binary(np.zeros(40)), np.zeros((40, 40)))
    hm.save(large, "large.safetensors")
    np.save("bits.npy", bits)
    np.save("wide.npy", random.integers(0, 2, (20, 40)))
    np.save("three.npy", np.zeros((20, 3)))
    np.save("gray.npy", np.tile([0.5, 0.25, 0.5, 0.75], 10).reshape(20, 2))
    np.save("levels.npy", np.tile([7.0, 6.0, 7.0, 5.0], 10).reshape(20, 2))
    np.save("nan.npy", np.where(bits == bits[3], bits, np.nan))
    np.save("inf.npy", np.where(bits == bits[3], bits, np.inf))
    np.save("nothing.npy", np.full((20, 2), np.nan))
    np.save("flat.npy", np.zeros(20))
    np.savez("two.npz", a=bits, b=bits)
    Path("empty.csv").touch()
    Path("empty.npy").touch()
    Path("empty.safetensors").touch()
    Path("header.csv").write_text("a,b\n")
    Path("a-b.csv").write_text("a,b\n" + "0,1\n1,1\n" * 10)
    Path("b-a.csv").write_text("b,a\n" + "0,1\n1,1\n" * 10)
    Path("ragged.csv").write_text("0,1\n1\n")
    Path("words.csv").write_text("a,b\n0,yes\n")
    Path("text.npy").write_text("no array")
    Path("picture.png").write_text("no picture")
    Path("old.npy").write_text("kept")
    model = Path("m.safetensors").read_bytes()
    Path("cut.safetensors").write_bytes(model[:-1])
    Path("flipped.safetensors").write_bytes(model[:20] + bytes([model[20] ^ 0xFF]) + model[21:])
    foreign = {"weights": np.zeros((2, 2))}
    Path("foreign.safetensors").write_bytes(serialize(foreign))
    header = {"format": "harmonium", "version": "3", "visible": "binary", "hidden": "binary"}
    Path("later.safetensors").write_bytes(serialize(foreign, header))
    Path("partial.safetensors").write_bytes(serialize(foreign, header | {"version": "1"}))
    Path("folder").mkdir()
    Path("full").mkdir()
    Path("full/notes.txt").write_text("kept")


@pytest.fixture(autouse=True)
def _there(files, monkeypatch):
    monkeypatch.chdir(files)


@pytest.fixture
def copy(files, tmp_path, monkeypatch):
    """A copy of the folder, for tests that write files."""
    shutil.copytree(files, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")


def everything() -> dict[str, bytes | None]:
    """All files and folders with their content."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(Path().rglob("*"))}


def mistake(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    """Run a command that must fail as a command should; the line it fails with."""
    before = everything()
    status = run(arguments)
    captured = capsys.readouterr()
    assert status == 2
    assert captured.out == ""
    assert captured.err.startswith("harmonium")
    assert captured.err.count("\n") == 1
    assert captured.err.endswith("\n")
    assert "Traceback" not in captured.err
    assert everything() == before
    return captured.err


def each(cases: list[tuple[str, str]]) -> pytest.MarkDecorator:
    """Commands as one would type them, each with words that the message must have."""
    # Short and unique names, since commands hold characters that names of tests should not.
    names = [f"{number}-{command[:12]}" for number, (command, _) in enumerate(cases)]
    return pytest.mark.parametrize(("command", "words"), cases, ids=names)


# ---- the command line itself


@each(
    [
        ("fly", "there is no command 'fly' (see harmonium --help)"),
        ("trian digits", "there is no command 'trian'; did you mean train?"),
        ("train bits.npy --hiden 3", "unrecognized arguments: --hiden 3; did you mean --hidden?"),
        ("--fly", "required: COMMAND"),
        ("'two\nlines'", "there is no command"),
        (f"table {W} 'two\nlines'", "unrecognized arguments: two lines"),
        (f"table {W} --fly", "unrecognized arguments: --fly"),
        ("table", "one of the arguments --weights --model is required"),
        ("table --weights", "expected one argument"),
        (f"table {W} --model m.safetensors", "not allowed with"),
        (f"table {W} --temp 2", "unrecognized arguments"),
        (f"table {W} --visible-units quantum", "invalid choice: 'quantum'"),
        ("train", "DATA is missing"),
        ("train bits.npy --updates 3 --set epochs=1", "exactly one of updates, epochs or minutes must say when to stop"),
        ("train bits.npy --minutes 1 --updates 1", "not allowed with"),
        ("evaluate m.safetensors", "required: DATA"),
        ("evaluate", "required: MODEL, DATA"),
        ("reconstruct m.safetensors", "required: DATA"),
        ("sample", "required: MODEL"),
        ("info", "required: MODEL"),
        (f"conditional {W}", "required: --given"),
        (f"step {W}", "one of the arguments --target --data is required"),
        (f"step {W} --target 01 --data bits.npy", "not allowed with"),
    ]
)
def test_the_command_line(capsys, command, words):
    assert words in mistake(capsys, shlex.split(command))


@each(
    [
        ("evaluate named.safetensors b-a.csv", "b-a.csv has the expected columns in another order"),
        ("train b-a.csv --start named.safetensors", "b-a.csv has the expected columns in another order"),
        ("train a-b.csv --test b-a.csv", "b-a.csv has the expected columns in another order; put them into this one: a, b"),
    ]
)
def test_columns_in_another_order_are_not_taken_for_others(capsys, command, words):
    assert words in mistake(capsys, shlex.split(command))


def test_a_mistake_points_to_the_help_of_its_command(capsys):
    assert mistake(capsys, ["sample", "m.safetensors", "--fly"]).endswith("--fly (see harmonium sample --help)\n")
    assert mistake(capsys, ["fly"]).endswith("(see harmonium --help)\n")


# ---- models typed in


@each(
    [
        ('--weights ""', "--weights is empty"),
        ('--weights " ; "', "--weights is empty"),
        ('--weights "1 2; 3"', "its rows have 2, 1"),
        ('--weights "1 x"', "'x' is not a number"),
        ('--weights "1 nan"', "must hold finite numbers"),
        ('--weights "1 inf"', "must hold finite numbers"),
        ('--weights "1 1e999"', "must hold finite numbers"),
        ('--weights "-1 -x"', "'-x' is not a number"),
        ('--weights "1e308 1e308; 1e308 1e308"', "must stay below"),
        (f'{W} --visible-bias "0"', "--visible-bias has 1 numbers, but the weights, 2x2, have 2 visible units"),
        (f'{W} --visible-bias "0 0 0"', "--visible-bias has 3 numbers"),
        (f'{W} --hidden-bias "0; 0; 0"', "--hidden-bias has 3 numbers"),
        (f'{W} --hidden-bias ""', "--hidden-bias is empty"),
        (f'{W} --hidden-bias "0 nan"', "must hold finite numbers"),
        (f'{W} --hidden-bias "-1 a"', "'a' is not a number"),
        ('--model m.safetensors --visible-bias "0 0"', "--visible-bias goes with --weights"),
        ("--model m.safetensors --hidden-units spin", "--hidden-units goes with --weights"),
        (f"{W} --temperature 0", "--temperature must be a positive number, but is 0.0"),
        (f"{W} --temperature -1", "but is -1.0"),
        (f"{W} --temperature nan", "but is nan"),
        (f"{W} --temperature inf", "but is inf"),
        (f"{W} --temperature -inf", "but is -inf"),
        (f"{W} --temperature 1e-320", "is too extreme"),
        (f"{W} --temperature warm", "--temperature: must be a number, but is 'warm'"),
        (f"{W} --temperature ''", "must be a number, but is ''"),
        ("--model large.safetensors", "too large to be exact"),
    ]
)
def test_small_models(capsys, command, words):
    assert words in mistake(capsys, shlex.split(f"table {command}"))


@pytest.mark.parametrize("rest", ["chain --sweeps 10", "conditional --given v=01", "step --target 01"])
@each(
    [
        ('--weights "1 x"', "'x' is not a number"),
        ("--model m.safetensors --hidden-units spin", "--hidden-units goes with --weights"),
        (f"{W} --temperature 0", "--temperature must be a positive number, but is 0.0"),
        ("--model large.safetensors", "too large to be exact"),
    ]
)
def test_small_models_in_every_command(capsys, rest, command, words):
    if "large" in command:
        rest = rest.replace("chain --sweeps 10", "table").replace("01", "01" * 20)  # a chain needs no enumeration
    assert words in mistake(capsys, shlex.split(f"{rest} {command}"))


# ---- model files


MODELS = [
    ("none.safetensors", "there is no such model file"),
    ("no/such/folder", "there is no such model file"),
    ("folder", "there is no such model file"),
    ("bits.npy", "damaged or no model file"),
    ("empty.safetensors", "damaged or no model file"),
    ("cut.safetensors", "damaged or no model file"),
    ("flipped.safetensors", "damaged or no model file"),
    ("foreign.safetensors", "not one that harmonium wrote"),
    ("later.safetensors", "format version '3', or is damaged (its checksum differs); this harmonium reads 1 and 2"),
    ("partial.safetensors", "'visible.bias' is missing"),
    ("x" * 5000, "xxx"),  # too long for the system, or just missing, as Python versions see it
]


@pytest.mark.parametrize(("file", "words"), MODELS, ids=[file[:20] for file, _ in MODELS])
def test_model_files(capsys, file, words):
    message = mistake(capsys, ["info", file])
    assert words in message
    assert file[:100] in message


@pytest.mark.parametrize(
    "command",
    [
        "sample FILE",
        "sample FILE --method gibbs --out new.npy",
        "evaluate FILE bits.npy",
        "reconstruct FILE bits.npy --out new.png",
        "impute FILE bits.npy",
        "score FILE bits.npy",
        "explain FILE bits.npy --row 1",
        "table --model FILE",
        "chain --model FILE",
        "conditional --model FILE --given v=01",
        "step --model FILE --target 01",
    ],
)
def test_a_damaged_model_file_in_every_command(capsys, command):
    assert "flipped.safetensors is damaged" in mistake(capsys, command.replace("FILE", "flipped.safetensors").split())


# ---- data


DATA = [
    ("none.npy", "there is no such file"),
    ("''", "must be the name of a file, but is empty"),
    ("digit", "digit: there is no such file, nor a data set of that name (digits, "),
    ("folder", "is a folder"),
    ("empty.csv", "empty.csv is empty"),
    ("empty.npy", "empty.npy is empty"),
    ("header.csv", "a header but no rows"),
    ("ragged.csv", "line 2: 1 columns"),
    ("words.csv", "column 'b': 'yes' in line 2 is not a number"),
    ("text.npy", "no .npy file"),
    ("picture.png", "unknown kind of file"),
    ("flat.npy", "shape [20]"),
    ("inf.npy", "inf in row"),
    ("two.npz", "name one of them: two.npz:a, two.npz:b"),
    ("two.npz:c", "no array 'c'"),
    ("bars-and-stripes:1x2", "out of range"),
    ("shifter:x", "out of range"),
    ("digits:8", "write digits, not digits:8"),
    ("x" * 5000, "xxx"),  # too long for the system, or just missing, as Python versions see it
]


@pytest.mark.parametrize(("file", "words"), DATA, ids=[file[:20] for file, _ in DATA])
@pytest.mark.parametrize("command", ["data FILE", "train FILE", "evaluate m.safetensors FILE"])
def test_data(capsys, command, file, words):
    if file == "words.csv" and command in ("data FILE", "train FILE"):
        words = "there is nothing to learn in the table"  # such a table may hold words
    assert words in mistake(capsys, shlex.split(command.replace("FILE", file)))


@pytest.mark.parametrize(
    "command",
    [
        "train bits.npy --valid FILE",
        "train bits.npy --test FILE --out new",
        "reconstruct m.safetensors FILE",
        f"step {W} --data FILE",
    ],
)
@pytest.mark.parametrize("file", ["inf.npy", "shifter:x"])
def test_data_in_every_command(capsys, command, file):
    assert dict(DATA)[file] in mistake(capsys, shlex.split(command.replace("FILE", file)))


@each(
    [
        (
            "reconstruct m.safetensors nan.npy",
            "nan in row 1, column 1; every value must be a finite number; fill missing cells",
        ),
        (f"step {W} --data nan.npy", "fill missing cells first (harmonium.impute)"),
        ("train nothing.npy", "nothing.npy has no values: every cell"),
        ("data nothing.npy", "nothing.npy has no values: every cell"),
    ]
)
def test_missing_cells_where_there_may_be_none(capsys, command, words):
    assert words in mistake(capsys, shlex.split(command))


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("three.npy", "2 columns"),
        ("shifter:2", "2 columns"),
        ("gray.npy", "has 0.5 in row 1, column 1, but a binary unit is 0 or 1"),
        ("levels.npy", "has 7.0 in row 1, column 1, but a binary unit is 0 or 1"),
        ("bits.npy --binarize threshold", "use threshold=X"),
        ("bits.npy --binarize threshold=high", "use threshold=X"),
        ("bits.npy --binarize coin", "use threshold=X"),
        ("levels.npy --binarize stochastic", "from 0 to 1, but they run from 5 to 7"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        "train bits.npy --valid FILE",
        "train bits.npy --out new --test FILE",
        "evaluate m.safetensors FILE",
        "reconstruct m.safetensors FILE --out new.npy",
        f"step {W} --data FILE",
    ],
)
def test_data_that_do_not_suit_the_model(capsys, command, file, words):
    assert words in mistake(capsys, shlex.split(command.replace("FILE", file)))


@each(
    [
        ("train gray.npy", "has 0.5 in row 1, column 1, but a binary unit is 0 or 1"),
        ("train bits.npy --visible-units spin", "a spin unit is -1 or +1"),
        (
            "train bits.npy --hidden-units quantum",
            "--hidden-units 'quantum' is unknown: use binary, correlated, drelu, gaussian",
        ),
        ("train bits.npy --hidden-units mixed", "is unknown"),
        (
            "train bits.npy --hidden-units categorical",
            "is unknown: use binary, correlated, drelu, gaussian, relu, spin, or categorical:K",
        ),
        ("train bits.npy --hidden-units categorical:x", "numbers of categories are whole"),
        ("train bits.npy --hidden-units categorical:2,3", "does not fit: there are 20 units"),
        ("train bits.npy --visible-units categorical:9,9", "does not fit: there are 2 columns"),
        ("evaluate spin.safetensors bits.npy", "a spin unit is -1 or +1"),
        ("evaluate large.safetensors wide.npy --exact", "too large to be exact"),
        ("evaluate large.safetensors wide.npy --seconds 0", "seconds must be a positive number, but is 0.0"),
        ("evaluate large.safetensors wide.npy --seconds inf", "seconds must be a positive number, but is inf"),
        ("evaluate large.safetensors wide.npy --precision 0", "precision must be a positive number"),
        ("evaluate large.safetensors wide.npy --runs 1", "runs must be a whole number of at least 20, but is 1"),
        ("evaluate large.safetensors wide.npy --exact --estimate", "not allowed with"),
        ("evaluate large.safetensors bits.npy", "data must have 40 columns"),
        ("train bits.npy --evaluation-seconds 0", "--evaluation-seconds must be a positive number, but is 0.0"),
        ("train bits.npy --set estimator=pt-0", "use exact, cd-K, pcd-K, pt-K or ptt-K"),
        ("train levels.npy --binarize stochastic", "from 0 to 1"),
        ("evaluate m.safetensors gray.npy --binarize resample", "resample is for training alone; stochastic draws"),
        ("train levels.npy --binarize resample", "levels.npy: gray must hold numbers from 0 to 1"),
        ("train bits.npy --binarize resample", "bits.npy: gray holds zeros and ones only: to draw them anew has no effect"),
        ("data levels.npy --binarize stochastic", "from 0 to 1"),
        (f"step {W} --target 01 --binarize stochastic", "--binarize goes with --data"),
        ("data --binarize stochastic", "--binarize goes with DATA"),
    ]
)
def test_data_of_the_wrong_domain(capsys, command, words):
    assert words in mistake(capsys, shlex.split(command))


# ---- states and clamps


@each(
    [
        (f"step {W} --target 0", "has 1 characters, but the layer has 2 binary units"),
        (f"step {W} --target 011", "has 3 characters"),
        (f"step {W} --target ''", "has 0 characters"),
        (f"step {W} --target 02", "has '2', but a binary unit is 0 or 1"),
        (f"step {W} --target -1", "has '-', but a binary unit is 0 or 1"),
        (f"step {W} --visible-units spin --target 01", "but a spin unit is - or +"),
        (f"chain {W} --start 0", "has 1 characters"),
        (f"chain {W} --start ab", "has 'a'"),
        (f"chain {W} --start 01,1", "has 3 characters"),
        (f"conditional {W} --given 01", "write v=STATE or h=STATE"),
        (f"conditional {W} --given x=01", "write v=STATE or h=STATE"),
        (f"conditional {W} --given =", "write v=STATE or h=STATE"),
        (f"conditional {W} --given v=", "has 0 characters"),
        (f"conditional {W} --given v=1", "has 1 characters"),
        (f"conditional {W} --given h=0a", "has 'a'"),
        ("sample m.safetensors --clamp ''", "has 0 characters"),
        ("sample m.safetensors --clamp 1", "has 1 characters"),
        ("sample m.safetensors --clamp 1??", "has 3 characters"),
        ("sample m.safetensors --clamp 1x", "has 'x'"),
        ("sample m.safetensors --clamp v0=1", "the visible units are v1 to v2"),
        ("sample m.safetensors --clamp v3=1", "the visible units are v1 to v2"),
        ("sample m.safetensors --clamp v2..v1=1", "the visible units are v1 to v2"),
        ("sample m.safetensors --clamp v1..v9=1", "the visible units are v1 to v2"),
        ("sample m.safetensors --clamp h1=1", "write v1=1"),
        ("sample m.safetensors --clamp v1=", "write v1=1"),
        ("sample m.safetensors --clamp v1=one", "'one' is not a number"),
        ("sample m.safetensors --clamp v1=nan", "'nan' is not a number"),
        ("sample m.safetensors --clamp v1=inf", "must be a finite number"),
        ("sample m.safetensors --clamp v1=2", "has 2.0 in column 1, but a binary unit is 0 or 1"),
        ("sample m.safetensors --clamp v1=-1,v2=1", "has -1.0 in column 1"),
        ("sample spin.safetensors --clamp v1=0", "a spin unit is -1 or +1"),
        ("sample spin.safetensors --clamp 1?", "has '1'"),
    ]
)
def test_states(capsys, command, words):
    assert words in mistake(capsys, shlex.split(command))


# ---- numbers


COUNTS = [
    "train bits.npy --hidden",
    "train bits.npy --updates",
    "train bits.npy --out new/deep --updates",
    "sample m.safetensors --count",
    "sample m.safetensors --sweeps",
    "sample m.safetensors --out new.npy --sweeps",
    "reconstruct m.safetensors bits.npy --draws",
    f"chain {W} --sweeps",
    f"step {W} --target 01 --steps",
    f"step {W} --target 01 --chains",
    f"step {W} --target 01 --estimator pcd-1 --chains",
]


@pytest.mark.parametrize("command", COUNTS, ids=lambda command: command.replace(W, "W"))
@pytest.mark.parametrize("value", ["0", HUGE])
def test_counts(capsys, command, value):
    assert "must be a whole number" in mistake(capsys, [*shlex.split(command), value])


@pytest.mark.parametrize("value", ["-1", "1.5", "1e3", "many", "", "nan"])
def test_no_counts(capsys, value):
    message = mistake(capsys, ["sample", "m.safetensors", "--count", value])
    assert ("must be a whole number" if value == "-1" else f"--count: must be a whole number, but is {value!r}") in message


@pytest.mark.parametrize(
    "command",
    [
        "train bits.npy",
        "train bits.npy --binarize stochastic",
        "evaluate m.safetensors bits.npy",
        "sample m.safetensors",
        "sample m.safetensors --method gibbs",
        "reconstruct m.safetensors bits.npy",
        "data bits.npy",
        "data digits",
        f"chain {W}",
        f"step {W} --target 01",
        f"step {W} --data bits.npy",
    ],
    ids=lambda command: command.replace(W, "W"),
)
@pytest.mark.parametrize("value", ["-1", "1.5", str(2**63)])
def test_seeds(capsys, command, value):
    assert "seed" in mistake(capsys, [*shlex.split(command), "--seed", value])


@pytest.mark.parametrize("option", ["--set epochs=", "--minutes "])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "-0.0", "fast", "1e999"])
def test_positive_numbers_of_training(capsys, option, value):
    message = mistake(capsys, shlex.split(f"train bits.npy {option}{value}"))
    assert "must be a positive number" in message or (value == "fast" and "must be a number, but is" in message)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("average=1.5", "average must be a number from 0 to 1"),
        ("final_decay=NaN", "final_decay must be a number from 0 to 1"),
        ("l1=-1", "l1 must be a number of zero or above"),
        ("early_stopping=Infinity", "early_stopping must be a number of zero or above"),
        ("learning_rate=-0.0", "learning_rate must be a positive number"),
        ("batch_size=0", "batch_size must be a whole number of at least 1"),
        ("chains=20", "chains must be left out (None): with estimator exact it has no effect"),
        ("momentum=2", "momentum must be a number from 0 to 1"),
        ("centered=1", "centered must be True or False"),
        ("learning_rat=0.1", "there is no setting learning_rat that text can give; did you mean learning_rate?"),
        ("rate=0.1", "there is no setting rate that text can give: use estimator, centered"),
        ("optimizer=adam", "there is no setting optimizer that text can give: use estimator, centered"),
        ("momentum", "write NAME=VALUE"),
    ],
)
def test_settings(capsys, setting, words):
    assert words in mistake(capsys, ["train", "bits.npy", "--set", setting])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--minutes 1 --set final_decay=0.95", "final_decay must be at most 0.9 with minutes"),
        ("--updates 5 --set total_updates=4", "total_updates"),
        ("--minutes 1 --set total_updates=4", "total_updates"),
        ("--updates 9 --set early_decay=5,3", "early_decay must be two numbers"),
        ("--set momentum=1", "momentum must be below 1"),
        ("--set estimator=exact --set bfloat16=true", "bfloat16 is for the estimators pcd-K and cd-K"),
    ],
)
def test_settings_that_do_not_go_together(capsys, options, words):
    assert words in mistake(capsys, ["train", "bits.npy", *options.split()])


def test_files_that_are_read_as_they_are_needed(copy, capsys, monkeypatch):
    import pyarrow as pa
    from pyarrow import parquet
    from scipy import sparse

    from harmonium.io import arrays

    sparse.save_npz("threes.npz", sparse.csr_array(np.full((30, 4), 3)))
    sparse.save_npz("bits.npz", sparse.csr_array(np.eye(30)))
    with zipfile.ZipFile("damaged.npz", "w") as archive:
        for name in ("format", "shape", "data"):
            archive.writestr(f"{name}.npy", b"nothing of the kind")
    for name, column in (("texts", ["x"] * 30), ("holes", [1, None] * 15)):
        Path(name).mkdir()
        parquet.write_table(pa.table({"a": [0] * 30, "b": column}), f"{name}/1.parquet")
    Path("none").mkdir()
    short = "--hidden 3 --updates 1 --out new"
    assert "texts/1.parquet: column 'b' holds string values" in mistake(capsys, f"train texts {short}".split())
    assert "holes/1.parquet: column 'b' has missing values" in mistake(capsys, f"train holes {short}".split())
    assert "cannot be binarized" in mistake(capsys, f"train holes --binarize threshold=1 {short}".split())
    assert "none is a folder without Parquet files or images" in mistake(capsys, f"train none {short}".split())
    assert "a binary unit is 0 or 1" in mistake(capsys, f"train threes.npz {short}".split())
    assert "cannot be binarized" in mistake(capsys, f"train bits.npz --binarize threshold=1 {short}".split())
    assert "damaged.npz cannot be read as .npz" in mistake(capsys, f"train damaged.npz {short}".split())
    monkeypatch.setattr(arrays, "LARGE_BYTES", 1)
    np.save("flat.npy", np.zeros(7))
    assert "must have shape [n, V]" in mistake(capsys, f"train flat.npy {short}".split())


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "-inf"])
def test_rates_of_a_step(capsys, value):
    command = [*shlex.split(f"step {W} --target 01 --rate"), value]
    assert "rate must be a positive number" in mistake(capsys, command)


def test_a_rate_that_leaves_the_finite_numbers(capsys):
    """Without a warning beside the line, and without a table of dashes."""
    assert "must stay below" in mistake(capsys, shlex.split(f"step {W} --target 01 --rate 1e308"))


@pytest.mark.parametrize("name", ["", "cd", "cd-0", "cd--1", "cd-1.5", "pcd-x", "PCD-1", "pcd-9999999", "exact-1", "tempering"])
@pytest.mark.parametrize(
    "command", ["train bits.npy --set estimator=", f"step {W} --target 01 --estimator="], ids=["train", "step"]
)
def test_estimators(capsys, command, name):
    *words, option = shlex.split(command)
    assert f"estimator {name!r} is unknown" in mistake(capsys, [*words, option + name])


def test_an_exact_gradient_of_too_large_a_model_is_found_out_before_there_is_a_folder(capsys):
    command = "train wide.npy --hidden 40 --set estimator=exact --updates 1"
    assert "too large to be exact" in mistake(capsys, command.split())


# ---- where results go


@pytest.mark.parametrize("command", ["sample m.safetensors", "reconstruct m.safetensors bits.npy"])
@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("new.jpg", "must end with .npy or .png"),
        ("new", "must end with .npy or .png"),
        ("new.npy.gz", "must end with .npy or .png"),
        ("", "must end with .npy or .png"),
        ("old.npy", "exists already"),
        ("picture.png", "exists already"),
        ("no/such/new.npy", "there is no folder"),
        # Below a regular file nobody may write, not even the superuser.
        ("bits.npy/new.npy", "there is no folder"),
        ("bits.npy/new.png --overwrite", "there is no folder"),
        ("x" * 5000 + ".npy", "File name too long"),
        ("x" * 253 + ".npy", "File name too long"),
    ],
    ids=lambda text: text[:20],
)
def test_files_to_write(capsys, command, out, words):
    name, *rest = out.split(" ")
    assert words in mistake(capsys, [*command.split(), "--out", name, *rest])


def test_a_folder_where_a_file_is_to_be_written(copy, capsys):
    Path("taken.npy").mkdir()
    assert "exists already" in mistake(capsys, ["sample", "m.safetensors", "--out", "taken.npy"])
    words = mistake(capsys, ["sample", "m.safetensors", "--sweeps", "1", "--out", "taken.npy", "--overwrite"])
    assert "taken.npy is a folder; name a file" in words


@pytest.mark.parametrize("name", ["link.npy", "dangling.npy", "pipe.npy"])
def test_what_is_no_regular_file_is_not_overwritten(copy, capsys, name):
    os.symlink("old.npy", "link.npy")
    os.symlink("nowhere", "dangling.npy")
    os.mkfifo("pipe.npy")
    words = mistake(capsys, ["sample", "m.safetensors", "--out", name, "--overwrite"])
    assert ("is a device or a pipe" if name == "pipe.npy" else "is a symbolic link") in words


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("full", "exists and is not empty; choose another --out, or add --overwrite"),
        ("old.npy", "File exists"),
        ("old.npy/run", "Not a directory"),
        ("old.npy/deep/run --overwrite", "Not a directory"),
        ("x" * 5000, "File name too long"),
    ],
    ids=lambda text: text[:20],
)
def test_run_folders(capsys, out, words):
    assert words in mistake(capsys, ["train", "bits.npy", "--updates", "1", "--out", *out.split()])


def test_a_file_where_the_runs_should_go(copy, capsys):
    Path("runs").write_text("kept")
    assert "File exists" in mistake(capsys, ["train", "bits.npy", "--updates", "1"])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere")
@pytest.mark.parametrize("command", ["sample m.safetensors --sweeps 1 --out closed/new.npy", "train bits.npy --out closed/run"])
def test_a_folder_that_may_not_be_written_to(copy, capsys, command):
    Path("closed").mkdir(mode=0o500)
    assert "Permission denied" in mistake(capsys, command.split())


@pytest.mark.parametrize("function", ["os.replace", "os.fsync", "os.fdopen"])
@pytest.mark.parametrize("out", ["new.npy", "new.png", "old.npy"])
def test_a_disk_that_fails_leaves_nothing_half_written(copy, capsys, monkeypatch, function, out):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(function, fail)
    command = ["sample", "m.safetensors", "--sweeps", "1", "--out", out, "--overwrite"]
    assert f"{out}: cannot be written: No space left on device" in mistake(capsys, command)


@each(
    [
        ("sample m.safetensors --count 0", "error: --count must be a whole number of at least 1, but is 0"),
        ("train bits.npy --hidden-shards 0", "error: --hidden-shards must be a whole number"),
        ("step --weights '0 0;0 0' --target 01 --estimator cd", "error: --estimator 'cd' is unknown"),
        ("train bits.npy --set momentum=2", "error: momentum must be"),
        ("evaluate m.safetensors bits.npy --binarize 3", "error: --binarize '3' is unknown"),
        ("evaluate m.safetensors ''", "error: DATA must be the name of a file, but is empty"),
    ]
)
def test_messages_name_what_was_typed(capsys, command, words):
    assert words in mistake(capsys, shlex.split(command))


# ---- what looks like a mistake and is none


@each(
    [
        ("sample m.safetensors --count 2 --sweeps 1 --clamp 1,?", ""),
        ("sample m.safetensors --count 2 --sweeps 1 --clamp '1 ?'", ""),
        ("sample spin.safetensors --count 2 --sweeps 1 --clamp -?", ""),
        ("sample m.safetensors --count 2 --method exact --seed 9223372036854775807", ""),
        ("sample m.safetensors --count 2 --sweeps 1 --out new.png", "new.png"),
        ("reconstruct m.safetensors bits.npy --draws 1 --out new.png", "new.png"),
        ("table --weights '-1 -2; 3 4' --visible-bias '-1 0' --hidden-bias '-.5 0'", "Z = "),
        ("conditional --weights '1000 1000; 1000 1000' --given v=01", "Pr{"),
        ("data bits.npy --binarize stochastic --seed 9223372036854775807", "stochastic"),
    ]
)
def test_no_mistake_and_no_warning(copy, capsys, command, words):
    """Negative numbers, a picture's shape that does not fit, 0/0 in a column, the largest seed: all have an answer."""
    assert run(shlex.split(command)) == 0
    captured = capsys.readouterr()
    assert captured.err in ("", "harmonium: 2 draws (exact)\n")
    assert words in captured.out
    assert captured.out


def test_the_command_as_a_process_of_its_own():
    """The same line and status where nothing is captured or replaced."""
    command = [sys.executable, "-m", "harmonium", "table", "--weights", "1 x"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "harmonium: error: --weights: 'x' is not a number\n"
