"""What is searched: the columns that read like texts, in whatever language, as a template."""

from __future__ import annotations

import re

import pyarrow as pa

from sparse_index.config.template import pieces
from sparse_index.corpus.arrow_types import is_text
from sparse_index.errors import ConfigError
from sparse_index.proposal.choice import Chosen, column_named, kind_of
from sparse_index.proposal.look import Look, Seen

# A title has more words; a name, a category or a code has fewer.
TEXT_WORDS = 3.0
MOST_TEXTS = 3
# A text that comes as often says what kind of thing a row is, not what it is about.
TEXT_DISTINCT = 0.2
_NOT_IN_TEMPLATE = re.compile(r"[{}]")


def wanted_text(look: Look, text: str) -> Chosen:
    template = (
        f"{{{text}}}" if any(seen.name == text for seen in look.columns) and not _NOT_IN_TEMPLATE.search(text) else text
    )
    try:
        names = list(dict.fromkeys(name for _, name in pieces(template) if name))
    except ValueError as error:
        raise ConfigError(f"--text {text}: {error}.") from error
    if not names:
        raise ConfigError(
            f"--text '{text}' is no column of {look.address}; name columns in braces: '{{title}}. {{body}}'."
        )
    for name in names:
        kind = column_named(look, name, "--text").kind
        if kind is None or pa.types.is_nested(kind):
            raise ConfigError(
                f"--text names '{name}', which is {kind_of(column_named(look, name, '--text'))}, no single value."
            )
    return Chosen(template, f"text: {template}, as you said")


def proposed_text(look: Look, id_column: str) -> Chosen:
    texts = [seen for seen in look.columns if seen.name != id_column and _no_text(seen) is None]
    best = sorted(texts, key=lambda seen: -seen.words * seen.filled)[:MOST_TEXTS]
    if not best:
        lines = "".join(f"\n  - {seen.name}: {_no_text(seen) or 'it is the id'}" for seen in look.columns)
        raise ConfigError(
            f"No column of {look.address} looks like a text to search in.{lines}\n"
            "Pass what should be searched: --text '{title}. {body}' (make: TEXT='{title}. {body}')."
        )
    chosen = [seen for seen in look.columns if seen in best]
    words = ", ".join(f"{seen.name} ({_filled(seen)}{seen.words:.0f} words on average)" for seen in chosen)
    return Chosen(". ".join(f"{{{seen.name}}}" for seen in chosen), f"text: {words}")


def _filled(seen: Seen) -> str:
    return "" if seen.filled == 1 else f"in {seen.filled:.0%} of the rows, "


def _no_text(seen: Seen) -> str | None:
    """Why a column is not proposed as text; None when it may be."""
    if seen.kind is None or not is_text(seen.kind):
        return f"it is {kind_of(seen)}"
    if not seen.filled:
        return "none of the rows looked at has a value"
    if _NOT_IN_TEMPLATE.search(seen.name):
        return "its name has braces, which a text template cannot have"
    if seen.words < TEXT_WORDS:
        return f"{seen.words:.1f} words on average, of which a text has {TEXT_WORDS:.0f} or more"
    few = f"the same texts again and again ({seen.distinct:.0%} of them differ)"
    return few if seen.distinct < TEXT_DISTINCT else None
