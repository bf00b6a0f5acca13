"""Parts of the reference by autodoc: `{api} harmonium.exact` documents what is public there, `{api} harmonium train fit` these.

Docstrings are plain text with sections (Args, Raises, ...), which napoleon reads: so characters that mean something in
reStructuredText are escaped first, and words between backticks are links where they name something public, and code elsewhere.
"""

import inspect
import re
from importlib import import_module
from typing import Any

from docutils import nodes
from public_names import public_names
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

FENCE = re.compile(r"^```\{api\} (\S+)([^\n]*)\n```$", re.MULTILINE)
NAMES = {name: value for name, value in public_names().items() if callable(value)}
# Annotations name objects by the modules in which they are defined.
SHORT = {f"{value.__module__}.{value.__qualname__}": name for name, value in NAMES.items()}
LEFT_OUT = "set_fit_request, set_score_request, set_partial_fit_request, set_transform_request"
CODE = re.compile(r"`+[^`]+`+")
SPECIAL = re.compile(r"(?<!^)(?<!\n)[\\*|]|(?<=\w)_(?!\w)")
# What Sphinx cannot read in a signature, or reads as more than is written, and what stands for it.
SIGNATURE = {
    r"<function <lambda>>|<factory>": "...",
    r"<class '[\w.]+\.(\w+)'>": r"\1",
    r"TypeAliasForwardRef\('(\w+)'\)": r"\1",
    r"float \| int \| ~?numpy\.number \| .*?Array, ''\] \| .*?ndarray, ''\]": "float | Array",
}
SHARED = re.compile(r"^( +)(\w+(?:, \w+)+): (.*(?:\n\1 +.*)*)", re.MULTILINE)


def documented(found: re.Match[str]) -> str:
    module, chosen = found[1], found[2].split()
    names = chosen or [name.rpartition(".")[2] for name in NAMES if name.rpartition(".")[0] == module]
    return "\n".join(["```{eval-rst}", *(directive(module, name) for name in names), "```"])


def directive(module: str, name: str) -> str:
    if inspect.isclass(getattr(import_module(module), name)):
        return f".. autoclass:: {module}.{name}\n   :members:\n   :exclude-members: {LEFT_OUT}\n"
    return f".. autofunction:: {module}.{name}\n"


def expand(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname.startswith("reference/"):
        source[0] = FENCE.sub(documented, source[0])


def as_text(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """The docstring with its special characters escaped, and its backticks as links or code."""
    if not (getattr(obj, "__module__", None) or "").startswith("harmonium") and what not in ("property", "attribute"):
        return
    text, begin = "\n".join(lines), "\n".join(lines).find("Example:\n")
    prose, example = (text, "") if begin < 0 else (text[:begin], text[begin:])
    # An entry for several parameters is one for each of them here.
    prose = SHARED.sub(lambda entry: "\n".join(f"{entry[1]}{name}: {entry[3]}" for name in entry[2].split(", ")), prose)
    parts, last = [], 0
    for code in CODE.finditer(prose):
        parts += [escape(prose[last : code.start()]), link(" ".join(code[0].strip("`").split()), name)]
        last = code.end()
    lines[:] = ("".join([*parts, escape(prose[last:])]) + example).split("\n")


def rejoin(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Napoleon takes what stands before a colon in a property's first line for its type."""
    kinds = [line for line in lines if line.startswith(":type: ")]
    if what == "property" and kinds:
        lines.remove(kinds[0])
        lines[0] = f"{kinds[0].removeprefix(':type: ')}: {lines[0]}"


def unalias(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Python's own text of a field of a named tuple says nothing: the text of the class has what there is to say."""
    if lines and lines[0].startswith("Alias for field number"):
        lines[:] = []


def readable(app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returns: str | None) -> Any:
    for written, stands in SIGNATURE.items():
        signature = re.sub(written, stands, signature or "") or None
    return signature, returns


def escape(text: str) -> str:
    return SPECIAL.sub(lambda found: f"\\{found[0]}", text)


def link(code: str, where: str) -> str:
    """A link to what `code` names, in the module of the docstring first; else code."""
    module = where.rpartition(".")[0]
    short = SHORT.get(code, code)
    for name in (f"{module}.{code}", f"{module.rpartition('.')[0]}.{code}", f"harmonium.{code}", short):
        if name in NAMES:
            return f":py:obj:`{code} <{name}>`"
    return f"``{code}``"


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element) -> nodes.Element | None:
    target = node["reftarget"]
    if node.get("refdomain") != "py" or not target.startswith("harmonium."):
        return None
    name = SHORT.get(target)
    if name is None:  # the class of a field or an argument that is not public: code without a link
        return content if node["reftype"] == "class" and node["refdoc"].startswith("reference/") else None
    return env.domains["py"].resolve_xref(env, node["refdoc"], app.builder, node["reftype"], name, node, content)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("source-read", expand)
    app.connect("autodoc-process-docstring", unalias, priority=50)
    app.connect("autodoc-process-docstring", as_text, priority=100)  # before napoleon
    app.connect("autodoc-process-docstring", rejoin, priority=900)  # after napoleon
    app.connect("autodoc-process-signature", readable)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
