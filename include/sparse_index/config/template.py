"""Text templates: names of columns in braces, `{title}. {Product Name}`; `{{` and `}}` stand for braces."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PIECE = re.compile(r"(?P<open>\{\{)|(?P<close>\}\})|\{(?P<name>[^{}]*)\}|(?P<stray>[{}])|(?P<words>[^{}]+)")


def pieces(template: str) -> Iterator[tuple[str, str | None]]:
    """(words, None) and ("", name of a column) in their order; ValueError for a brace that stands alone, or no name."""
    for match in _PIECE.finditer(template):
        name = match["name"]
        if match["stray"] or (name is not None and not name.strip()):
            raise ValueError(
                f"'{match[0]}' at character {match.start() + 1} names no column; write a template like '{{title}}. {{body}}', "
                "and braces that are words as '{{' and '}}'"
            )
        yield ("", name) if name is not None else (_words(match), None)


def columns_of(template: str) -> list[str]:
    """The columns that a template names, in order of appearance; ValueError when it names none."""
    names = list(dict.fromkeys(name for _, name in pieces(template) if name))
    if not names:
        raise ValueError("names no column; write it like '{title}. {body}'")
    return names


def _words(match: re.Match[str]) -> str:
    return "{" if match["open"] else "}" if match["close"] else match["words"]
