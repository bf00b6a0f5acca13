"""The lab's page beside the site: `lab:` links lead into it, and the directive `lab` shows a part of it in a page.

What follows is the lab's own address: `lab:#machine?w=1,0.5;0.5,0.5` (its "copy link" gives it), and for the directive a
chapter or section, with a state: `machine` or `conditionals/one-row#conditionals?w=...`.
"""

import html
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from harmonium.lab import bundle

PAGE = "lab.html"


def up(docname: str) -> str:
    """The way from a page to the folder of the whole site."""
    return "../" * docname.count("/")


class Lab(SphinxDirective):
    """A frame with one chapter or section of the lab."""

    required_arguments = 1
    option_spec = {"height": directives.nonnegative_int, "title": directives.unchanged}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        part, _, state = self.arguments[0].partition("#")
        source = html.escape(f"{up(self.env.docname)}{PAGE}?embed={part}{'#' * bool(state)}{state}")
        title = html.escape(self.options.get("title", "Harmonium's lab"))
        height = self.options.get("height", 600)
        frame = f'<iframe class="lab" src="{source}" title="{title}" height="{height}" loading="lazy"></iframe>'
        return [nodes.raw("", frame, format="html")]


def resolve(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for link in doctree.findall(nodes.reference):
        if link.get("refuri", "").startswith("lab:"):
            link["refuri"] = up(docname) + PAGE + link["refuri"].removeprefix("lab:")


def write(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        (Path(app.outdir) / PAGE).write_text(bundle.page(), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("lab", Lab)
    app.add_js_file("frames.js", loading_method="defer")
    app.connect("doctree-resolved", resolve)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
