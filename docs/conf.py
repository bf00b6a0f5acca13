"""Settings of the documentation site. `python -m docs` builds it."""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS / "_extensions")]

import harmonium  # noqa: E402

project = "Harmonium"
copyright = "the authors of Harmonium, Apache License 2.0"
version = release = harmonium.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxcontrib.bibtex",
    "api",
    "benchmarks",
    "commands",
    "gallery",
    "katex",
    "lab",
    "repository",
    "solutions",
]
exclude_patterns = ["_build", "_extensions", "_static"]
source_suffix = {".md": "myst-nb"}
nitpicky = True
# Names of other libraries: their inventories would have to be fetched while building.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!harmonium|hm\.).*"),
]

# --- pages -----------------------------------------------------------------------------------------------------------------
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 3
myst_dmath_allow_space = False  # "$ harmonium train" and "$5 or $6" are no formulas
myst_url_schemes = {"http": None, "https": None, "mailto": None, "lab": None}
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "unsrt"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# --- notebooks: run once, and again only where their code has changed --------------------------------------------------------
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 180
nb_merge_streams = True

# --- reference -------------------------------------------------------------------------------------------------------------
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_type_aliases = {name: name for name in ("Array", "ArrayLike", "PathLike", "Result")}  # as written, not spelled out
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
add_module_names = False

# --- appearance: everything the pages need lies beside them ------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_title = "Harmonium"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("names.js", {"defer": "defer"})]
html_copy_source = False
html_show_sourcelink = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": [], "changelog": []}
