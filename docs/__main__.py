"""usage: python -m docs

Builds the site into docs/_build/html: warnings are errors, notebooks run only where their code has changed, and every link
within the site is followed. Needs no network. `pip install -e ".[docs]"` installs what it takes."""

import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.cmd.build import main as build

from docs.public_names import faults

DOCS = Path(__file__).parent
SITE = DOCS / "_build" / "html"
WITHOUT_END = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
"""Elements of HTML that have no end tag."""


class Page(HTMLParser):
    """The anchors of a page, what it links to or loads, and how many of its elements are never closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.unclosed: Counter[str] = Counter()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.unclosed[tag] += tag not in WITHOUT_END
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a":
            self.links |= {given["href"]} if "href" in given else set()
        else:
            self.loaded |= {given[name] for name in ("src", "href") if name in given}

    def handle_endtag(self, tag: str) -> None:
        self.unclosed[tag] -= tag not in WITHOUT_END

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)


def faults_of_pages(site: Path) -> list[str]:
    """Links and files that lead nowhere, whatever a page would load from another host, and tags that a text was taken for."""
    sources = (path for path in sorted(site.rglob("*.html")) if site / "_static" not in path.parents)
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sources}
    wrong = []
    for path, page in pages.items():
        for tag in +page.unclosed:
            wrong.append(f"{path.relative_to(site)}: <{tag}> is never closed: write it as code, if it is text")
        for link in sorted(page.links | page.loaded):
            url = urlsplit(link)
            if url.scheme or url.netloc:
                if link in page.loaded and url.scheme != "data":
                    wrong.append(f"{path.relative_to(site)}: loads {link} from another host")
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            if not target.exists():
                wrong.append(f"{path.relative_to(site)}: nothing at {link}")
            elif url.fragment and target.name != "lab.html" and unquote(url.fragment) not in pages[target].anchors:
                wrong.append(f"{path.relative_to(site)}: no such place: {link}")
    return wrong


def main() -> int:
    if missing := faults():
        print("\n".join(missing), file=sys.stderr)
        return 1
    status = build(
        ["-q", "-W", "--keep-going", "-j", "auto", "-b", "html", "-d", str(SITE.parent / "doctrees"), str(DOCS), str(SITE)]
    )
    if status:
        return status
    wrong = faults_of_pages(SITE)
    print("\n".join(wrong) if wrong else f"Written: {SITE / 'index.html'}", file=sys.stderr if wrong else sys.stdout)
    return int(bool(wrong))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(__doc__)
        sys.exit(2)
    sys.exit(main())
