"""What of a build's words is shown to who may not see content of its corpus."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sparse_index.console.receipts import Found

# What comes before a value in the reasons of OpenSearch and of models, and in ours.
_BEFORE_VALUE = re.compile(r": | \(|\. Preview of field's value")
# The stages that look at documents: their errors quote them.
_QUOTING = ("scan", "encode", "index", "reconcile")


def before_value(said: str) -> str:
    """A reason as far as it cannot hold a value of the corpus."""
    return _BEFORE_VALUE.split(said, maxsplit=1)[0]


def without_content(found: Found) -> Found:
    """A receipt without what it quotes of documents, and without golden queries."""
    if found.content is None:
        return found
    shorter = {"failures": _failures, "letters": _letters, "gate": _gate}
    content = {name: shorter[name](value) if name in shorter else value for name, value in found.content.items()}
    return replace(found, content=content)


def _failures(failures: Any) -> Any:
    if not isinstance(failures, Mapping):
        return None
    return {
        label: before_value(str(said)) if str(label).partition("[")[0] in _QUOTING else said
        for label, said in failures.items()
    }


def _letters(rows: Any) -> Any:
    if not isinstance(rows, Sequence):
        return None
    return [{**row, "reason": before_value(str(row.get("reason") or ""))} for row in rows if isinstance(row, Mapping)]


def _gate(gate: Any) -> Any:
    return {name: value for name, value in gate.items() if name != "moved"} if isinstance(gate, Mapping) else None
