"""usage: python -m harmonium.lab export DIR

Writes the lab's page to a new folder, to be published as it is: on GitHub Pages, on a course's site, under any path.
DIR/lab.html is the whole page in one file, which opens from a disk too. Nothing is fetched from elsewhere.
A model file may lie beside the page: index.html?model=NAME.safetensors#images opens it."""

import shutil
import sys
from pathlib import Path

from harmonium.lab import bundle


def main(arguments: list[str]) -> None:
    if len(arguments) != 2 or arguments[0] != "export":
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    folder = Path(arguments[1])
    try:
        shutil.copytree(bundle.STATIC, folder)
        (folder / "lab.html").write_text(bundle.page(), encoding="utf-8")
    except OSError as error:
        sys.exit(f"{folder} cannot be written: {error.strerror}; choose a folder that does not exist yet")
    print(f"Written: {folder / 'index.html'} for a web server, {folder / 'lab.html'} for everything else")


if __name__ == "__main__":
    main(sys.argv[1:])
