"""Pages as a program reads them."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """A page's tags with their attributes, and all of its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    @property
    def text(self) -> str:
        """All words, with one blank between them."""
        return " ".join(" ".join(self._words).split())

    def all(self, attribute: str) -> list[str]:
        """The values of an attribute, wherever it stands."""
        return [value for _, attrs in self.tags if (value := attrs.get(attribute)) is not None]

    @property
    def actions(self) -> set[str]:
        """Where the forms of the page send something that changes."""
        return {
            attrs["action"] or ""
            for tag, attrs in self.tags
            if tag == "form" and attrs.get("method") == "post" and attrs["action"] != "/sign-out"
        }
