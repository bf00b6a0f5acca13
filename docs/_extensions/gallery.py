"""The gallery's front page shows the first picture of each of its pages."""

import posixpath
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

INDEX = "gallery/index"


def show(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    if docname != INDEX:
        return
    (pages,) = doctree.findall(addnodes.toctree)
    pictures = nodes.container(classes=["gallery"])
    for page in pages["includefiles"]:
        picture = next(app.env.get_doctree(page).findall(nodes.image)).deepcopy()
        picture["alt"] = ""  # the title beside it says as much
        target = posixpath.relpath(app.builder.get_target_uri(page), posixpath.dirname(INDEX))
        link = nodes.reference("", "", picture, nodes.Text(app.env.titles[page].astext()), internal=True, refuri=target)
        pictures += nodes.paragraph("", "", link)
    pages.parent.parent += pictures


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("doctree-resolved", show)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
