"""The lab: a static page on which a small model is taken apart and a larger one trained, all of it computed in the browser.

`static/` is the page; `serve` serves it here, `python -m harmonium.lab export DIR` writes it, `widget` shows it in a notebook.
"""

from harmonium.lab.notebook import widget

__all__ = ["widget"]
