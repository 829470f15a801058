"""What of a build's words is shown to who may not see content of its corpus."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sparse_index.console.receipts import Found

# What comes before a value in the reasons of OpenSearch and of models, and in ours.
_BEFORE_TEXT = re.compile(r": | \(|['\"]")  # a model that is not ours may quote it anywhere
_BEFORE_VALUE = re.compile(r": | \(|\. Preview of field's value")
# What a plan's note says before the value that it quotes.
_EXAMPLE = "one of them: "
# Tokens are words of documents, and are listed up to the last share of one.
_TOKENS = re.compile(r" Tokens whose documents became more or fewer: (?:.*%\.|.*)", re.DOTALL)
# The checks that ask golden queries. Importing them from the gate would load what measures rankings.
ASKING = ("golden", "canaries")


def before_value(said: str, stage: str | None = None) -> str:
    """A reason as far as it cannot hold a value of the corpus."""
    signs = _BEFORE_TEXT if stage == "encode" else _BEFORE_VALUE
    return signs.split(said, maxsplit=1)[0].rstrip()


def before_query(words: str) -> str:
    """The gate's words as far as they quote no golden query, and without tokens of documents."""
    return without_tokens(words).partition(" '")[0]


def without_tokens(words: str) -> str:
    return _TOKENS.sub("", words)


# The stages whose errors quote documents or queries.
_QUOTING: Mapping[str, Callable[[str], str]] = {
    **{stage: partial(before_value, stage=stage) for stage in ("scan", "encode", "index", "reconcile")},
    "gate": before_query,
}


def without_content(found: Found) -> Found:
    """A receipt without what it quotes of documents, and without golden queries."""
    if not isinstance(found.content, Mapping):
        return replace(found, content=None)
    shorter = {"failures": _failures, "letters": _letters, "gate": _gate}
    content = {name: shorter[name](value) if name in shorter else value for name, value in found.content.items()}
    return replace(found, content=content)


def plan_without_content(content: Any) -> Any:
    """A plan without the values that its notes quote."""
    if not isinstance(content, Mapping) or not isinstance(content.get("notes"), list):
        return content
    return {**content, "notes": [str(note).partition(_EXAMPLE)[0] for note in content["notes"]]}


def _failures(failures: Any) -> Any:
    if not isinstance(failures, Mapping):
        return None
    return {label: _QUOTING.get(str(label).partition("[")[0], str)(str(said)) for label, said in failures.items()}


def _letters(rows: Any) -> Any:
    if not isinstance(rows, list):
        return None
    return [
        {**row, "reason": before_value(str(row.get("reason") or ""), row.get("stage"))}
        for row in rows
        if isinstance(row, Mapping)
    ]


def _gate(gate: Any) -> Any:
    if not isinstance(gate, Mapping):
        return None
    kept, checks = {name: value for name, value in gate.items() if name != "moved"}, gate.get("checks")
    if not isinstance(checks, list):
        return kept
    return kept | {"checks": [_check(check) for check in checks]}


def _check(check: Any) -> Any:
    if not isinstance(check, Mapping):
        return check
    shorter = before_query if check.get("name") in ASKING else without_tokens
    return {**check, "words": shorter(str(check.get("words") or ""))}
