"""The page as one file: for a notebook's cell, for a mail, for browsers that load no modules from a disk."""

import json
import re
from base64 import b64encode
from pathlib import Path
from urllib.parse import urljoin

STATIC = Path(__file__).parent / "static"
# A module's name where it is imported, and where a worker is started from it.
MODULE = re.compile(r'(\bfrom\s*|\bimport\s*)"([^"\n]+)"|new URL\("([^"\n]+)", import\.meta\.url\)')
LINK = re.compile(r'<link rel="stylesheet" href="\./([^"]+)" />\s*')
IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>\s*', re.DOTALL)
REPLACED = re.compile(r'<meta http-equiv[^>]*>\s*|<script( type="module"[^>]*)?>.*?</script>\s*', re.DOTALL)
URL = re.compile(r"""url\(["']?([^"')]+)["']?\)""")

# Each module comes from a blob of its own, in order of need: a later one names the blobs of those before it.
LOADER = """\
const urls = {};
for (const [path, source] of %s) {
  const linked = source.replace(/@@(.+?)@@/g, (_, other) => urls[other]);
  urls[path] = URL.createObjectURL(new Blob([linked], { type: "text/javascript" }));
}
await import(urls["main.js"]);
"""


def page() -> str:
    """The page with all its modules, style sheets, fonts and data inside, and the texts of their licenses."""
    index = (STATIC / "index.html").read_text(encoding="utf-8")
    named = json.loads(IMPORT_MAP.findall(index)[0])["imports"]
    modules: dict[str, str] = {}

    def add(path: str) -> str:
        def linked(found: re.Match[str]) -> str:
            name = found[2] or found[3]
            if name is None or (name not in named and not name.startswith(".")):
                return found[0]  # a text that only looks like an import
            other = named[name].removeprefix("./") if name in named else urljoin(path, name)
            return f'{found[1] or ""}"@@{add(other)}@@"'

        if path not in modules:
            modules[path] = MODULE.sub(linked, (STATIC / path).read_text(encoding="utf-8"))  # put in after those it needs
        return path

    add("main.js")
    loader = LOADER % json.dumps(list(modules.items())).replace("<", "\\u003c")
    sheets = "".join(map(_sheet, LINK.findall(index)))
    head, body = REPLACED.sub("", IMPORT_MAP.sub("", LINK.sub("", index))).split("</head>")
    return f'{head}<style>\n{sheets}</style>\n<script type="module">\n{loader}</script>\n</head>{body}{_licenses()}'


def _licenses() -> str:
    """Who passes the page on must pass these texts on. A folder of the page has them as files."""
    texts = sorted(path for path in STATIC.rglob("*") if path.name == "LICENSE" or path.suffix == ".txt")
    return "\n".join(f"<!-- {path.relative_to(STATIC).as_posix()}\n{path.read_text(encoding='utf-8')}-->\n" for path in texts)


def _sheet(path: str) -> str:
    folder, sheet = (STATIC / path).parent, (STATIC / path).read_text(encoding="utf-8")
    return URL.sub(lambda url: f"url(data:font/woff2;base64,{b64encode((folder / url[1]).read_bytes()).decode()})", sheet)
