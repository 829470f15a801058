"""HTML as a browser and a reader meet it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

from console_place import BASE

VOID = frozenset({"meta", "link", "input", "br", "hr", "img"})


class Page(HTMLParser):
    """Tags that are not closed, links, and what the policy or a reader of the page would stumble over."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.feed(html)
        self.wrong.extend(f"<{tag}> is not closed" for tag in self.open)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look(tag, attrs)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def _look(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links.extend(str(given[name]) for name in ("href", "src", "action") if name in given)
        self.ids.extend([str(given["id"])] if "id" in given else [])
        self.wrong.extend(
            f"{name} of <{tag}>" for name in given if name.startswith("on") or name in ("style", "target")
        )
        if tag == "script" and "src" not in given:
            self.wrong.append("a script inside the page")
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes nothing")


def look(html: str) -> Page:
    page = Page(html)
    assert page.wrong == []
    assert html.count("<h1") == 1
    undefined = set(re.findall(r"url\(#([^)]*)\)", html)) - set(page.ids)
    assert undefined == set(), "what it is drawn with has to be on the page"
    steps = [after - before for before, after in zip(page.headings, page.headings[1:], strict=False)]
    assert all(step <= 1 for step in steps), page.headings
    assert len(page.ids) == len(set(page.ids))
    here = f"{BASE}/sparse-index/here/"
    outside = [link for link in page.links if not urljoin(here, link).startswith(f"{BASE}/")]
    assert outside == []
    return page
