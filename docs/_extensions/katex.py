"""Formulas by the KaTeX that the lab's page carries: no request to another host, and no second copy in the repository."""

import html
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

from harmonium.lab import bundle

KATEX = bundle.STATIC / "vendor" / "katex"
# What makes a module of the script: pages opened from a disk may load scripts, but no modules.
BEFORE, AFTER = "const exports = {}, module = { exports };\n", "\nexport default module.exports;\n"


def inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(f'<span class="math">{html.escape(node.astext())}</span>')
    raise nodes.SkipNode


def block(self: HTML5Translator, node: nodes.math_block) -> None:
    if node.get("number"):
        self.body.append(f'<span class="eqno" id="{node["ids"][0]}">({node["number"]})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(f'<div class="math">{html.escape(node.astext())}</div>')
    raise nodes.SkipNode


def copy(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        folder = Path(app.outdir) / "_static" / "katex"
        shutil.copytree(KATEX, folder, dirs_exist_ok=True)
        script = (KATEX / "katex.min.js").read_text(encoding="utf-8")
        (folder / "katex.min.js").write_text(script.removeprefix(BEFORE).removesuffix(AFTER), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_html_math_renderer("katex", inline_renderers=(inline, None), block_renderers=(block, None))
    app.config.html_math_renderer = "katex"
    app.add_css_file("katex/katex.min.css")
    app.add_js_file("katex/katex.min.js", loading_method="defer")
    app.add_js_file("formulas.js", loading_method="defer")
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
