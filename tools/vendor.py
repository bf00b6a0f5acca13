"""Copy the page's libraries into static/vendor, at the versions that src/harmonium/lab/package.json names.

python tools/vendor.py

needs npm, which fetches the packages and checks them. Of each package only the files below are kept: its module, its style
sheet and fonts, and its license. `manifest.json` states what came from where, with the hash of each file as it lies here;
tests/lab/test_vendor.py compares the two. Raises SystemExit with one line if npm is missing or fails.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

LAB = Path(__file__).resolve().parent.parent / "src" / "harmonium" / "lab"
VENDOR = LAB / "static" / "vendor"

# For each package, the kept files: path in the package -> path in vendor/PACKAGE. A `*` stands for any name, kept as it is.
KEPT = {
    "preact": {
        "dist/preact.mjs": "preact.module.js",
        "hooks/dist/hooks.mjs": "hooks.module.js",
        "LICENSE": "LICENSE",
    },
    "htm": {"dist/htm.module.js": "htm.module.js", "LICENSE": "LICENSE"},
    "katex": {
        "dist/katex.min.js": "katex.min.js",
        "dist/katex.min.css": "katex.min.css",
        "dist/fonts/*.woff2": "fonts/*.woff2",
        "LICENSE": "LICENSE",
    },
    "uplot": {"dist/uPlot.iife.min.js": "uPlot.min.js", "dist/uPlot.min.css": "uPlot.min.css", "LICENSE": "LICENSE"},
}

# Minified files come as scripts: what stands before and after makes modules of them.
MODULES = {
    "dist/katex.min.js": (b"const exports = {}, module = { exports };\n", b"\nexport default module.exports;\n"),
    "dist/uPlot.iife.min.js": (b"", b"\nexport default uPlot;\n"),
}

SOURCE_MAP = re.compile(rb"\n?(//# sourceMappingURL=[^\n]*|/\*# sourceMappingURL=[^*]*\*/)")
OLDER_FONT = re.compile(rb""",\s*url\([^)]*\.(?:woff|ttf)["']?\)\s*format\(["'](?:woff|truetype)["']\)""")


def without_source_map(content: bytes) -> bytes:
    """A module or style sheet that names no source map: none is kept, so browsers' tools would ask for it in vain."""
    return SOURCE_MAP.sub(b"", content)


def without_older_fonts(content: bytes) -> bytes:
    """A style sheet that names fonts as woff2 only, the one form that is kept."""
    return OLDER_FONT.sub(b"", content)


EDITS: dict[str, list[Callable[[bytes], bytes]]] = {
    ".js": [without_source_map],
    ".mjs": [without_source_map],
    ".css": [without_source_map, without_older_fonts],
}


def fetch(package: str, version: str, folder: Path) -> Path:
    """The package's archive, fetched by npm into an empty folder."""
    command = ["npm", "pack", f"{package}@{version}", "--silent", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    except FileNotFoundError:
        raise SystemExit("tools/vendor.py needs npm, which is not installed.") from None
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"npm could not fetch {package} {version} (exit status {error.returncode}).") from None
    (archive,) = folder.glob("*.tgz")
    return archive


def kept_files(archive: Path, kept: dict[str, str]) -> Iterator[tuple[str, str, bytes]]:
    """(path in the package, path in vendor/PACKAGE, content as it is kept) of each kept file.

    Raises SystemExit if a pattern of `kept` finds nothing: the package has been rearranged.
    """
    with tarfile.open(archive) as tar:
        # Every npm archive has one top folder, mostly but not always called "package".
        members = {member.name.partition("/")[2]: member for member in tar if member.isfile()}
        for pattern, place in kept.items():
            # A pattern's `*` must not match a `/`, so Path.match on paths of equal depth.
            found = [name for name in sorted(members) if name.count("/") == pattern.count("/") and Path(name).match(pattern)]
            if not found:
                raise SystemExit(f"{archive.name} has no {pattern}.")
            for name in found:
                reader = tar.extractfile(members[name])
                assert reader is not None
                content = reader.read()
                for edit in EDITS.get(Path(name).suffix, []):
                    content = edit(content)
                before, after = MODULES.get(name, (b"", b""))
                content = before + content + after
                yield name, str(Path(place).with_name(Path(name).name) if "*" in place else place), content


def described_license(archive: Path) -> str:
    """The license that the package's own description names."""
    ((_, _, description),) = kept_files(archive, {"package.json": "package.json"})
    return str(json.loads(description)["license"])


def sync() -> None:
    """Replace every library in vendor/ and write the manifest."""
    described = json.loads((LAB / "package.json").read_text())
    manifest: dict[str, Any] = {}
    fresh: dict[Path, bytes] = {}
    for package, kept in KEPT.items():
        version = described["dependencies"][package]
        with tempfile.TemporaryDirectory() as folder:
            archive = fetch(package, version, Path(folder))
            digest = hashlib.sha512(archive.read_bytes()).digest()
            files = {}
            for source, place, content in kept_files(archive, kept):
                fresh[VENDOR / package / place] = content
                files[place] = {"from": source, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            license_name = described_license(archive)
        manifest[package] = {
            "version": version,
            "license": license_name,
            "integrity": f"sha512-{base64.b64encode(digest).decode()}",
            "files": files,
        }
        print(f"{package} {version} ({license_name}): {len(files)} files, {sum(f['bytes'] for f in files.values()):,} bytes")
    # Nothing is touched before all has been fetched.
    for package in KEPT:
        shutil.rmtree(VENDOR / package, ignore_errors=True)
    for path, content in fresh.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (VENDOR / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    sync()
