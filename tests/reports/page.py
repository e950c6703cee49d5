"""A page as a parser sees it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "br", "img", "hr", "input"})


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    children: list["Element"] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Its own and that of all elements in it."""
        return " ".join(" ".join((*self.texts, *(child.text() for child in self.children))).split())

    def all(self, tag: str) -> "list[Element]":
        """Every element of this name in it."""
        return [
            found for child in self.children for found in ((child,) if child.tag == tag else ()) + (*child.all(tag),)
        ]


class Page(HTMLParser):
    """Fails at a tag that is not balanced."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]
        self.feed(html)
        self.close()
        assert self._open == [self.root], f"not closed: {[element.tag for element in self._open[1:]]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        assert len(element.attributes) == len(attrs), f"an attribute twice: {attrs}"
        self._open[-1].children.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].texts.append(data)

    def everything(self) -> list[Element]:
        """In any order."""
        waiting, found = [self.root], []
        while waiting:
            element = waiting.pop()
            found.append(element)
            waiting += element.children
        return found
