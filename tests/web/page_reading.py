"""Pages as a test reads them: their texts and links, and whether their markup meets the policy's and readers' needs."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx
    from fastapi.testclient import TestClient


def page(browser: TestClient, address: str, status: int = 200) -> str:
    response = browser.get(address)
    assert response.status_code == status, response.text[:500]
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    check_markup(response)
    return response.text


def text_of(html: str) -> str:
    reader = PageReader()
    reader.feed(html)
    return re.sub(r"\s+", " ", " ".join(reader.texts))


class PageReader(HTMLParser):
    """Reads a page as a browser would: its texts, links, ids, headings, and whether every tag is closed in order."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name in ("href", "src", "action") and value:
                self.links.append(value)
            if name == "id" and value:
                self.ids.append(value)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def check_markup(response: httpx.Response) -> None:
    reader = PageReader()
    reader.feed(response.text)
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids), "an id is there twice"
    assert reader.headings[0] == 1
    assert reader.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(reader.headings, reader.headings[1:], strict=False))
    for tag, name, _ in reader.attributes:
        assert name != "style", "an inline style, which the policy forbids"
        assert not name.startswith("on"), "an inline script, which the policy forbids"
        assert not name.startswith("hx-on"), "an inline script, which the policy forbids"
        assert tag != "style"
    assert all(src for tag, name, src in reader.attributes if tag == "script" and name == "src")
    assert response.text.count("<script") == response.text.count("<script src=")
