"""Solutions of exercises: a cell with the tag `solution` goes, with what it printed, into the dropdown before it.

MyST-NB runs only cells that stand on their own, not those within a directive.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def move(app: Sphinx, doctree: nodes.document) -> None:
    for cell in list(doctree.findall(nodes.container)):
        if "tag_solution" not in cell["classes"]:
            continue
        siblings = cell.parent.children
        before = siblings[siblings.index(cell) - 1]
        if not isinstance(before, nodes.Element) or before.get("design_component") != "dropdown":
            raise ExtensionError(f"{cell.source}:{cell.line}: a solution must follow its dropdown")
        cell.parent.remove(cell)
        before += cell


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("doctree-read", move)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
