"""Pages of the records in benchmarks/RESULTS.md, which a new record joins by itself.

    ```{records}
    against the clock
    earlier: MNIST
    ```

stands for the newest entry whose title has "against the clock" in it (a regular expression), and for links to all other entries
that this line or `earlier` finds. `{other-records}` stands for links to those that no page has, `{calibration} NAME` for a
picture drawn from recorded figures.
"""

import html
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from docs.calibration import PICTURES
from docs.records import RESULTS, Record, matching, records

FENCE = re.compile(r"^```\{records\}\n((?:.+\n)+)```$", re.MULTILINE)
OTHERS = "```{other-records}\n```"
EARLIER = "earlier: "
FOLDER = "benchmarks/"
RELATIVE = re.compile(r"(!\[[^\]]*\]\()(?!\w+:)")


def link(record: Record) -> str:
    return f"[{record.date}](log.md#{record.anchor})"


def named(record: Record) -> str:
    return f"- {link(record)}: {record.title}\n"


def chosen(lines: list[str]) -> tuple[list[Record], list[Record]]:
    """The records that a page shows, and those that it names."""
    shown: list[Record] = []
    found: set[Record] = set()
    for line in lines:
        of_line = matching(line.removeprefix(EARLIER))
        found |= set(of_line)
        if line.startswith(EARLIER):
            continue
        if not of_line:
            raise ExtensionError(f"{RESULTS.name} has no entry with {line!r} in its title")
        shown += of_line[:1] if of_line[0] not in shown else []
    return shown, [record for record in records() if record in found and record not in shown]


def expand(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname.startswith(FOLDER):
        source[0] = FENCE.sub(lambda fence: page_of(fence[1].splitlines()), source[0])
        source[0] = source[0].replace(OTHERS, others(Path(app.srcdir) / FOLDER)) if OTHERS in source[0] else source[0]


def page_of(lines: list[str]) -> str:
    shown, rest = chosen(lines)
    parts = []
    for record in shown:
        text = RELATIVE.sub(r"\g<1>../../benchmarks/", record.text)
        parts.append(f"## {record.title[0].upper()}{record.title[1:]}\n\nRecorded {link(record)}.\n\n{text}")
    earlier = "## Other records\n\n" + "".join(map(named, rest))
    return "\n".join([*parts, earlier] if rest else parts)


def others(folder: Path) -> str:
    """Links to the records that no page shows or names."""
    fences = [lines.splitlines() for page in folder.glob("*.md") for lines in FENCE.findall(page.read_text(encoding="utf-8"))]
    placed = {record for lines in fences for part in chosen(lines) for record in part}
    return "".join(named(record) for record in records() if record not in placed)


class Calibration(SphinxDirective):
    """A picture of `docs.calibration`, with what it shows and where its figures are from."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        picture = PICTURES[self.arguments[0]]()
        about = html.escape(picture.about)
        drawing = picture.svg.replace("<svg ", f'<svg aria-label="{about}" ', 1)
        where = f"{picture.about}; recorded [{picture.record.date}](log.md#{picture.record.anchor})."
        return [nodes.raw("", f"<figure>{drawing}</figure>", format="html"), *self.parse_text_to_nodes(where)]


def outdated(app: Sphinx, env: BuildEnvironment, *_: set[str]) -> list[str]:
    """The pages, whose text may be as it was while a record has come."""
    return [name for name in env.found_docs if name.startswith(FOLDER)]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("calibration", Calibration)
    app.connect("source-read", expand)
    app.connect("env-get-outdated", outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
