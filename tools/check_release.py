"""Name what is not ready for a release: addresses, versions and dates that do not agree.

python tools/check_release.py             checks the working tree
python tools/check_release.py v1.2.3      checks the name of the tag too

docs/versions.md lists the steps of a release.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACEHOLDER = "example.org"


def find(pattern: str, path: Path) -> str:
    """The first group of the pattern's first match in a file, or an empty text."""
    found = re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


def problems(root: Path = ROOT, tag: str | None = None) -> Iterator[str]:
    """One line for each thing that stands in the way."""
    version = find(r'^__version__ = "(.+)"$', root / "src" / "harmonium" / "__init__.py")
    if PLACEHOLDER in (root / "pyproject.toml").read_text(encoding="utf-8"):
        yield f"pyproject.toml: {PLACEHOLDER} stands for an address that is still to be filled in"
    cited = find(r"^version: (.+)$", root / "CITATION.cff")
    if cited != version:
        yield f"CITATION.cff: the version is {cited}, expected {version}"
    released = find(r"^date-released: (\d{4}-\d\d-\d\d)$", root / "CITATION.cff")
    if not released:
        yield "CITATION.cff: there is no line date-released: YYYY-MM-DD"
    heading = find(r"^## (.+)$", root / "CHANGELOG.md")
    if heading != f"{version} ({released})":
        yield f"CHANGELOG.md: the first heading is '{heading}', expected '{version} ({released or 'YYYY-MM-DD'})'"
    if tag not in (None, f"v{version}"):
        yield f"the tag is {tag}, expected v{version}"


def main(arguments: list[str]) -> None:
    if len(arguments) > 1 or any(not argument.startswith("v") for argument in arguments):
        raise SystemExit(__doc__)
    found = list(problems(tag=arguments[0] if arguments else None))
    if found:
        raise SystemExit("\n".join(found))
    print("Ready for a release.")


if __name__ == "__main__":
    main(sys.argv[1:])
