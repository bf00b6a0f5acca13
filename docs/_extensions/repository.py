"""Pages that are read in the repository too: what they lack as pages of the site is added here, not in their text."""

from typing import Any

from sphinx.application import Sphinx

RECORDS = """
```{toctree}
:hidden:
:glob:

0*
```
"""


def complete(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname == "decisions/README":
        source[0] += RECORDS
    source[0] = source[0].replace("(../../benchmarks/RESULTS.md", "(../benchmarks/log.md")


def mend(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """References without the role of a list, whose items docutils does not mark as such."""
    context["body"] = context.get("body", "").replace('<div role="list" class="citation-list">', '<div class="citation-list">')


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("source-read", complete)
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
