"""Concepts and the different wordings people use for them.

A concept is an idea with several surface forms ("refund", "my money back", "reimbursement"). Documents and
queries are written from concepts, so which documents answer a query is known without reading the text.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

_LEXICON_PATH = Path(__file__).with_name("lexicon.yaml")
_LEADING_FUNCTION_WORDS = re.compile(r"^(a|an|the|my|your)\s+")


@dataclass(frozen=True)
class Concept:
    """One idea. `forms[0]` is the hub: training pairs a wording only with the hub (see `is_trained_pair`)."""

    name: str
    kind: str
    forms: tuple[str, ...]


@dataclass(frozen=True)
class Wording:
    """A concept said in one of its forms."""

    concept: Concept
    form_index: int

    @property
    def text(self) -> str:
        """The form as it stands inside a sentence: "my money back"."""
        return self.concept.forms[self.form_index]

    @property
    def bare(self) -> str:
        """The form as it stands alone, in titles and queries: "money back"."""
        return bare(self.text)


def bare(form: str) -> str:
    """Drop leading articles and possessives: "my money back" -> "money back"."""
    return _LEADING_FUNCTION_WORDS.sub("", form)


@cache
def load_lexicon() -> Mapping[str, Concept]:
    """All concepts by name, in file order."""
    groups = yaml.safe_load(_LEXICON_PATH.read_text(encoding="utf-8"))
    return {concept.name: concept for concept in _concepts(groups)}


def _concepts(groups: Mapping[str, Mapping[str, list[str]]]) -> Iterator[Concept]:
    for kind, entries in groups.items():
        for name, forms in entries.items():
            yield Concept(name, kind, tuple(forms))


def is_trained_pair(left: Wording, right: Wording) -> bool:
    """Whether training may put these two wordings of one concept side by side.

    Pairs that include the hub and a wording with itself are trained; the others are held out. A model can
    only bridge a held-out pair by going through what both have in common.
    """
    return left.form_index == right.form_index or 0 in (left.form_index, right.form_index)
