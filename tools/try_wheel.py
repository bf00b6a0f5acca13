"""Install a wheel where its sources are not, and do there what README promises.

python tools/try_wheel.py FOLDER             takes the dependencies' newest versions
python tools/try_wheel.py FOLDER --lowest    takes the lowest versions that the wheel declares

FOLDER holds one wheel. An empty environment and an empty folder are made for it and removed in the end.
Ends with an error that says which promise was not kept.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

TABLE = "age,smokes,town\n" + "".join(f"{30 + 3 * (i % 7)},{('yes', 'no', '')[i % 3]},{'ABC'[i % 2]}\n" for i in range(80))
ESTIMATOR = """
import json, numpy, harmonium, harmonium.sklearn
rows = numpy.random.default_rng(0).integers(0, 2, (40, 6))
features = harmonium.sklearn.RBMTransformer(n_components=3, n_iter=2, random_state=0).fit_transform(rows)
rbm = harmonium.load("runs/digits")
likely = harmonium.exact.log_likelihood(rbm, harmonium.data.load("digits").test).mean()
print(json.dumps({"home": harmonium.__file__, "features": features.shape, "log_likelihood": float(likely)}))
"""


def read_metadata(wheel: Path) -> list[tuple[str, str]]:
    """The fields of the wheel's METADATA, which must hold every text of a license that lies beside what it covers."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        fields = list(Parser().parsestr(archive.read(metadata).decode()).items())
    texts = {name.partition("/licenses/")[2] for name in names if "/licenses/" in name}
    beside = {
        f"src/{name}"
        for name in names
        if "/static/" in name and name.endswith(("/LICENSE", ".txt")) and "/licenses/" not in name
    }
    beside.add("LICENSE")
    expect(beside == texts, f"each license text is among the metadata, not {sorted(beside ^ texts)}")
    return fields


def lowest(fields: list[tuple[str, str]]) -> Iterator[str]:
    """Constraints that hold each dependency at the lowest version it may have."""
    for field, value in fields:
        if field == "Requires-Dist" and ";" not in value:
            yield value.replace(">=", "==")


def expect(held: bool, what: str) -> None:
    if not held:
        raise SystemExit(f"the wheel does not keep its promise: {what}")


def install(wheel: Path, folder: Path, constraints: list[str]) -> Path:
    """A new environment with the wheel in it; returns the folder of its commands."""
    venv.create(folder / "environment", with_pip=False)
    commands = folder / "environment" / ("Scripts" if os.name == "nt" else "bin")
    limits = folder / "constraints.txt"
    limits.write_text("\n".join(constraints))
    pip = [sys.executable, "-m", "pip", "--python", str(commands / "python"), "install", "--quiet", "--no-compile"]
    subprocess.run([*pip, "--constraint", str(limits), str(wheel)], check=True)
    return commands


def use(commands: Path, folder: Path) -> None:
    """README's main job, the lab's page, a table with gaps, an estimator, and bad input, in a folder that knows no sources."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["HARMONIUM_CACHE"] = str(folder / "cache")
    environment["XLA_FLAGS"] = ""

    def run(command: str, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        print("+", command, *(argument if "\n" not in argument else "..." for argument in arguments), flush=True)
        line = [str(commands / command), *arguments]
        done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8")
        expect(
            done.returncode == status, f"{command} ends with {done.returncode}, expected {status}\n{done.stdout}{done.stderr}"
        )
        return done

    expect("train" in run("harmonium", "--help").stdout, "--help names the commands")
    report = json.loads(run("harmonium", "train", "digits", "--json").stdout)
    expect(report["log_likelihood"]["mean"] > report["baseline"] + 5, "the main job learns digits")
    run("python", "-m", "harmonium.lab", "export", "site")
    expect((folder / "site" / "index.html").is_file() and (folder / "site" / "lab.html").is_file(), "the lab's page is written")

    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # compiles sooner
    (folder / "table.csv").write_text(TABLE)
    run("harmonium", "train", "table.csv", "--hidden", "4", "--updates", "20")
    run("harmonium", "impute", "runs/table", "table.csv", "--out", "filled.csv")
    with (folder / "filled.csv").open(newline="") as file:
        expect(all(all(row) for row in csv.reader(file)), "impute fills every cell")

    said = json.loads(run("python", "-c", ESTIMATOR).stdout)
    expect(said["features"] == [40, 3], "RBMTransformer makes three features")
    expect(abs(said["log_likelihood"] - report["log_likelihood"]["mean"]) < 1e-9, "the likelihood is the saved model's")
    expect(Path(said["home"]).is_relative_to(folder.parent), f"the package that runs is the wheel's, not {said['home']}")

    refused = run("harmonium", "train", "absent.csv", status=2).stderr.strip()
    expect("absent.csv" in refused and "\n" not in refused, f"one line about a file that is absent, not {refused!r}")


def main(arguments: list[str]) -> None:
    if not arguments or arguments[1:] not in ([], ["--lowest"]):
        raise SystemExit(__doc__)
    wheels = sorted(Path(arguments[0]).glob("*.whl"))
    if len(wheels) != 1:
        raise SystemExit(f"{arguments[0]} holds {len(wheels)} wheels, expected one")
    fields = read_metadata(wheels[0])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        commands = install(wheels[0], folder, list(lowest(fields)) if arguments[1:] else [])
        (folder / "work").mkdir()
        use(commands, folder / "work")


if __name__ == "__main__":
    main(sys.argv[1:])
