"""Rules that every file of the page keeps: small, local, and in the page's own colors."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

import harmonium

STATIC = Path(harmonium.__file__).parent / "lab" / "static"
OWN = sorted(
    path.relative_to(STATIC).as_posix()
    for path in STATIC.rglob("*")
    if path.suffix in {".js", ".css", ".html", ".svg"} and "vendor" not in path.relative_to(STATIC).parts
)
INDEX = (STATIC / "index.html").read_text()
IMPORT_MAP: dict[str, str] = json.loads(re.search(r'<script type="importmap">(.*?)</script>', INDEX, re.DOTALL)[1])["imports"]

NAMESPACES = (
    "http://www.w3.org/2000/svg",
    "http://www.w3.org/1999/xlink",
    "http://www.w3.org/1999/xhtml",
    "http://www.w3.org/1998/Math/MathML",
)
# A module's name in `import x from "name"`, `import "name"`, `export * from "name"`, `import("name")` (types too).
IMPORTS = re.compile(
    r"""(?:^|[\s;}])(?:import\s*(?:[^"'`;=()]+?\bfrom\s*)?|export\s[^"'`;=()]+?\bfrom\s*)["']([^"']+)["']"""
    r"""|\bimport\(\s*["']([^"']+)["']"""
)
COLORS = re.compile(r"#(?:[0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3,4})\b|\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch)\(", re.IGNORECASE)
NAMED_COLOR = re.compile(
    r"(?:^|[;{\s])(?:[a-z-]*color|background|fill|stroke|border[a-z-]*|outline|box-shadow|text-shadow)\s*:[^;}]*?"
    r"\b(?:white|black|red|green|blue|orange|yellow|purple|brown|gr[ae]y|(?:dark|light)[a-z]+|silver|navy|teal|maroon|gold)\b(?!-)",
    re.IGNORECASE,
)


def read(name: str) -> str:
    return (STATIC / name).read_text()


def named(suffix: str, folder: str = "") -> list[str]:
    return [name for name in OWN if name.endswith(suffix) and name.startswith(folder)]


def imported(module: str) -> list[str]:
    return [first or second for first, second in IMPORTS.findall(read(module))]


def without_comments(sheet: str) -> str:
    return re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)


def file_of(address: str) -> Path:
    """The file at an address of the page; addresses are relative, because the page may lie in any folder of a site."""
    assert address.startswith("./"), address
    return STATIC / address


def test_there_are_files() -> None:
    assert {"index.html", "style.css", "app.js"} <= set(OWN)
    assert named(".js", "chapters/")


@pytest.mark.parametrize("name", [name for name in OWN if name != "index.html"])  # which holds the page's words
def test_no_file_is_long(name: str) -> None:
    assert len(read(name).splitlines()) <= 300


@pytest.mark.parametrize("name", OWN)
def test_no_file_names_another_host(name: str) -> None:
    text = read(name)
    for namespace in NAMESPACES:
        text = text.replace(f'"{namespace}"', "").replace(f"'{namespace}'", "")
    assert not re.findall(r"(?:https?|wss?)://[\w.]+", text)
    assert not re.findall(r"""["'(]//[\w.-]+\.\w+""", text)  # //host/path, which takes the page's own scheme


@pytest.mark.parametrize("name", OWN)
def test_no_file_names_a_source_map(name: str) -> None:
    assert "sourceMappingURL" not in read(name)


@pytest.mark.parametrize("module", named(".js"))
def test_every_import_is_found(module: str) -> None:
    for name in imported(module):
        if name.startswith("."):
            assert (STATIC / module).parent.joinpath(name).resolve().is_file(), name
        else:
            assert name in IMPORT_MAP


def test_imports_are_seen_in_all_their_forms() -> None:
    text = """
        import a from "one";
        import { b,
          c } from 'two';
        import "three";
        export * from "four";
        const d = await import("five");
        /** @typedef {import("six").S} S */
        export const e = "seven";
        export function f() { return "eight"; }
    """
    found = [first or second for first, second in IMPORTS.findall(text)]
    assert found == ["one", "two", "three", "four", "five", "six"]


def test_the_index_names_files_that_exist() -> None:
    addresses = [*re.findall(r'(?:src|href)="(?!data:)([^"]+)"', INDEX), *IMPORT_MAP.values()]
    assert len(addresses) > len(IMPORT_MAP)
    for address in addresses:
        assert file_of(address).is_file(), address


def test_the_page_forbids_itself_everything_but_its_own_files() -> None:
    """By a policy in the page, because it may lie on any server; scripts within the page are named by their hashes."""
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)"', INDEX)[1]
    inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", INDEX, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in inline]
    assert policy.startswith(
        "default-src 'self'; script-src 'self' " + " ".join(f"'sha256-{digest}'" for digest in hashes) + ";"
    )
    assert "http" not in policy


def test_every_style_sheet_is_linked() -> None:
    linked = set(re.findall(r'<link rel="stylesheet" href="([^"]+)"', INDEX))
    assert {STATIC / name for name in named(".css")} <= {file_of(address).resolve() for address in linked}


@pytest.mark.parametrize("name", named(".css"))
def test_style_sheets_ask_for_files_that_are_here(name: str) -> None:
    sheet = without_comments(read(name))
    assert "@import" not in sheet
    for url in re.findall(r"url\(\s*[\"']?([^)\"']*)[\"']?\s*\)", sheet):
        assert (STATIC / name).parent.joinpath(url).is_file(), url


@pytest.mark.parametrize("name", named(".css", "chapters/") + named(".css", "ui/"))
def test_colors_are_the_pages(name: str) -> None:
    """Dark mode redefines the variables of style.css, so a color written out elsewhere would stay as it is."""
    sheet = without_comments(read(name))
    # An id may look like a color (#add): only what stands in a declaration counts.
    declarations = " ".join(re.findall(r"\{([^{}]*)\}", sheet))
    assert not COLORS.findall(declarations)
    assert not [found.strip() for found in NAMED_COLOR.findall(declarations)]


@pytest.mark.parametrize("name", named(".js", "chapters/") + named(".js", "ui/"))
def test_colors_are_the_pages_in_modules(name: str) -> None:
    """Drawn figures too: they read the variables (var(--ink), or getComputedStyle for a canvas)."""
    code = re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", read(name), flags=re.DOTALL)
    assert not re.findall(r"""(?<![\w&=])#(?:[0-9a-f]{6}|[0-9a-f]{3})(?=["'`;\s,)])|\b(?:rgba?|hsla?)\(""", code, re.IGNORECASE)
