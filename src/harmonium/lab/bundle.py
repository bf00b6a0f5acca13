"""The page's modules as one script and one style sheet, for places that take no more than that (a notebook's widget)."""

from __future__ import annotations

import base64
import json
import re
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

STATIC = files("harmonium.lab") / "static"
IMPORT = re.compile(r'((?:\bfrom|\bimport)\s*)"([^"\n]+)"')
LINKED = re.compile(r'<link rel="stylesheet" href="\./([^"]+)"')
URL = re.compile(r"""url\(["']?([^"')]+)["']?\)""")
FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}")

LOADER = """\
const urls = {};
for (const [path, source] of %s) {
  const linked = source.replace(/@@(.+?)@@/g, (_, other) => urls[other]);
  urls[path] = URL.createObjectURL(new Blob([linked], { type: "text/javascript" }));
}
const { default: widget } = await import(urls[%s]);
export default widget;
"""


def script(entry: str = "widget.js") -> str:
    """One ES module that loads `entry` with everything it imports, each module from a blob of its own, in order of need."""
    places = json.loads(_between(_text("index.html"), '<script type="importmap">', "</script>"))["imports"]
    named = {name: path.removeprefix("./") for name, path in places.items()}
    modules: dict[str, str] = {}

    def add(path: str) -> None:
        if path in modules:
            return

        def linked(found: re.Match[str]) -> str:
            if found[2] not in named and not found[2].startswith("."):
                return found[0]  # a text that only looks like an import
            other = named.get(found[2]) or _joined(path, found[2])
            add(other)
            return f'{found[1]}"@@{other}@@"'

        source = IMPORT.sub(linked, _text(path))
        modules[path] = source

    add(entry)
    return LOADER % (json.dumps(list(modules.items())), json.dumps(entry))


def styles() -> str:
    """One style sheet that touches nothing outside `.harmonium-lab`; fonts are inside it."""
    fonts, rules = [], []
    for path in LINKED.findall(_text("index.html")):
        text = URL.sub(lambda found, path=path: _inlined(_joined(path, found[1])), _text(path))  # type: ignore[misc]
        fonts += FONT_FACE.findall(text)
        rules.append(FONT_FACE.sub("", text))
    scoped = re.sub(r":root|(?<![\w.#-])(?:body|html)(?=\s*\{)", "&", "\n".join(rules))
    return "\n".join([*fonts, f".harmonium-lab {{\n{scoped}\n}}"])


def _inlined(path: str) -> str:
    data = base64.b64encode(_resource(path).read_bytes()).decode()
    return f'url("data:font/woff2;base64,{data}")'


def _joined(path: str, other: str) -> str:
    parts: list[str] = []
    for part in (PurePosixPath(path).parent / other).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _resource(path: str) -> Any:
    return STATIC.joinpath(*path.split("/"))


def _text(path: str) -> str:
    return str(_resource(path).read_text(encoding="utf-8"))


def _between(text: str, start: str, end: str) -> str:
    return text.split(start, 1)[1].split(end, 1)[0]
