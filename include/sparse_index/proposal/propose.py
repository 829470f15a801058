"""What a first corpus file should say of a look at Parquet files, each choice with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sparse_index.config.template import pieces
from sparse_index.proposal.choose_fields import english_field, english_of, field_of
from sparse_index.proposal.choose_id import Count, proposed_id, wanted_id
from sparse_index.proposal.choose_text import proposed_text, wanted_text
from sparse_index.proposal.look import Look


@dataclass(frozen=True)
class Wanted:
    """What a person says instead of leaving it to the proposal: a column; a template, or a column's name alone."""

    id: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class Proposal:
    """`fields`: what the index has in place of the generated field; `reasons`: lines, a choice each."""

    id_column: str
    text_template: str
    columns: tuple[str, ...]
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


def propose(look: Look, wanted: Wanted, count: Count) -> Proposal:
    """ConfigError when nothing can be the id or the text, or what is wanted cannot."""
    chosen_id = wanted_id(look, wanted.id, count) if wanted.id is not None else proposed_id(look, count)
    text = wanted_text(look, wanted.text) if wanted.text is not None else proposed_text(look, chosen_id.value)
    in_text = {name for _, name in pieces(text.value) if name}
    columns, reasons = [], [chosen_id.reason, text.reason]
    fields: dict[str, Mapping[str, Any]] = {}
    english = english_of([seen for seen in look.columns if seen.name in in_text])
    for seen in look.columns:
        declared, reason = field_of(seen, is_word=seen.name not in in_text | {chosen_id.value})
        if declared == {} and seen.name in english:
            declared, reason = english_field(seen)
        if declared is not None:
            columns.append(seen.name)
        if declared:
            fields[seen.name] = declared
        reasons += [f"{seen.name}: {reason}"] if reason else []
    return Proposal(chosen_id.value, text.value, tuple(columns), fields, tuple(reasons))


def in_words(look: Look, proposal: Proposal) -> Iterator[str]:
    """For a person, and for the comments of the file."""
    files = f"{len(look.files)} files" if len(look.files) > 1 else "1 file"
    yield f"{look.address}: {look.rows:,} rows in {files}, {len(look.columns)} columns"
    yield from look.notes
    yield from proposal.reasons
    yield f"columns of the index: {', '.join(proposal.columns) or 'none'}"
