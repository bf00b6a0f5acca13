"""What a release says of itself agrees: versions, licenses, Python versions. `.ci/run` tries the wheel (tools/try_wheel.py)."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest

import harmonium as hm
from harmonium.lab import bundle
from tools import check_release

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FILES = ("pyproject.toml", "CITATION.cff", "CHANGELOG.md", "src/harmonium/__init__.py")


def test_the_citation_and_the_changelog_are_of_this_version():
    assert check_release.find(r"^version: (.+)$", ROOT / "CITATION.cff") == hm.__version__
    assert check_release.find(r"^## (\S+)", ROOT / "CHANGELOG.md") == hm.__version__


def test_the_licenses_are_those_of_all_that_the_package_carries():
    """A text beside data or fonts has the name of its license; a library's license is in the manifest."""
    static = ROOT / "src" / "harmonium" / "lab" / "static"
    libraries = {entry["license"] for entry in json.loads((static / "vendor" / "manifest.json").read_text()).values()}
    others = {path.stem for path in static.rglob("*.txt")}
    expected = {"Apache-2.0"} | libraries | others
    assert set(PROJECT["license"].split(" AND ")) == expected
    listed = (ROOT / "CITATION.cff").read_text().partition("license:\n")[2].partition("authors:")[0]
    assert set(re.findall(r"- (\S+)", listed)) == expected


def test_the_page_as_one_file_has_their_texts():
    page = bundle.page()
    texts = [path.read_text() for path in bundle.STATIC.rglob("*") if path.name == "LICENSE" or path.suffix == ".txt"]
    assert len(texts) == 6
    assert all(text in page for text in texts)
    assert page.count("<!--") == page.count("-->") >= 6


def test_the_python_versions_are_those_that_the_workflow_tries():
    minor = re.compile(r"(?:Python :: |>=)(3\.\d+)$")
    listed = [found[1] for line in PROJECT["classifiers"] if (found := minor.search(line))]
    assert listed[0] == minor.search(PROJECT["requires-python"])[1]
    tried = re.search(r"python: \[(.+)\]", (ROOT / ".github" / "workflows" / "tests.yml").read_text())[1]
    assert re.findall(r'"(3\.\d+)"', tried) == listed


@pytest.fixture
def ready(tmp_path):
    """A copy of the files that a release is made of, with everything filled in, as version 1.2.3."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    edit(tmp_path / "pyproject.toml", "example.org", "harmonium.invalid")
    edit(tmp_path / "src" / "harmonium" / "__init__.py", '__version__ = "[^"]+"', '__version__ = "1.2.3"')
    edit(tmp_path / "CITATION.cff", "(?m)^version: [^\n]+$", "version: 1.2.3\ndate-released: 2030-01-02")
    edit(tmp_path / "CHANGELOG.md", "^.*?\n## [^\n]+", "# Changelog\n\n## 1.2.3 (2030-01-02)")
    return tmp_path


def edit(path, pattern, replacement):
    text, count = re.subn(pattern, replacement, path.read_text(), flags=re.DOTALL)
    assert count
    path.write_text(text)


def test_a_release_is_ready_when_everything_agrees(ready):
    assert list(check_release.problems(ready, "v1.2.3")) == []
    assert list(check_release.problems(ready, "v1.2.4")) == ["the tag is v1.2.4, expected v1.2.3"]


@pytest.mark.parametrize(
    ("name", "pattern", "replacement"),
    [
        ("pyproject.toml", "harmonium.invalid", "example.org"),
        ("CITATION.cff", "version: 1.2.3", "version: 1.2.2"),
        ("CHANGELOG.md", "2030-01-02", "unreleased"),
    ],
)
def test_a_release_is_not_ready_where_one_thing_is_left(ready, name, pattern, replacement):
    edit(ready / name, pattern, replacement)
    (problem,) = check_release.problems(ready, "v1.2.3")
    assert problem.startswith(name)
