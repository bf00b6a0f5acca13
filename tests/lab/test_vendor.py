"""The page's libraries are what their manifest says, whole, licensed, and fetch nothing that is not here."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

import harmonium

LAB = Path(harmonium.__file__).parent / "lab"
VENDOR = LAB / "static" / "vendor"
MANIFEST = json.loads((VENDOR / "manifest.json").read_text())
DEPENDENCIES = json.loads((LAB / "package.json").read_text())["dependencies"]
WRITTEN_HERE = {"README.md", "OFL-1.1.txt", "manifest.json"}
FILES = {f"{library}/{name}": facts for library, entry in MANIFEST.items() for name, facts in entry["files"].items()}


def test_versions_are_exact_and_those_that_were_copied() -> None:
    assert {library: entry["version"] for library, entry in MANIFEST.items()} == DEPENDENCIES
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in DEPENDENCIES.values())


def test_there_is_nothing_else() -> None:
    present = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}
    assert present == set(FILES) | WRITTEN_HERE


@pytest.mark.parametrize("name", FILES)
def test_files_are_the_manifests(name: str) -> None:
    content = (VENDOR / name).read_bytes()
    assert len(content) == FILES[name]["bytes"]
    assert hashlib.sha256(content).hexdigest() == FILES[name]["sha256"]


@pytest.mark.parametrize("library", MANIFEST)
def test_each_has_its_license(library: str) -> None:
    text = (VENDOR / library / "LICENSE").read_text()
    words = {"MIT": "Permission is hereby granted, free of charge", "Apache-2.0": "Apache License"}
    assert words[MANIFEST[library]["license"]] in text
    assert f"| {library} " in (VENDOR / "README.md").read_text()


def test_the_fonts_have_theirs() -> None:
    text = (VENDOR / "OFL-1.1.txt").read_text()
    families = {Path(name).name.partition("-")[0] for name in FILES if name.endswith(".woff2")}
    assert len(families) == 12
    assert "SIL OPEN FONT LICENSE Version 1.1" in text
    assert all(re.search(rf"\b{family}\b", text) for family in families)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".css")])
def test_style_sheets_ask_for_files_that_are_here(name: str) -> None:
    sheet = (VENDOR / name).read_text()
    assert "@import" not in sheet
    for url in re.findall(r"url\(\s*[\"']?([^)\"']*)[\"']?\s*\)", sheet):
        assert (VENDOR / name).parent.joinpath(url).is_file(), url
        assert f"{Path(name).parent.as_posix()}/{url}" in FILES


def test_every_font_is_asked_for() -> None:
    sheet = (VENDOR / "katex" / "katex.min.css").read_text()
    fonts = [name for name in FILES if name.endswith(".woff2")]
    assert fonts
    assert all(f"url({name.removeprefix('katex/')})" in sheet for name in fonts)


@pytest.mark.parametrize("name", [name for name in FILES if Path(name).suffix in {".js", ".mjs", ".css"}])
def test_none_names_a_source_map(name: str) -> None:
    assert "sourceMappingURL" not in (VENDOR / name).read_text()
