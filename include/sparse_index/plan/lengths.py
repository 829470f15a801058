"""Texts that are longer than their model reads: always said, and refused where the corpus file speaks of them."""

from __future__ import annotations

from collections.abc import Iterator

from sparse_index.builds.plan import Counts, Plan, TextLengths
from sparse_index.errors import BuildError
from sparse_index.plan.observed import Observed

TRUNCATE = "truncate"


def length_notes(seen: Observed, counts: Counts) -> Iterator[str]:
    """What is cut, and where `long_texts` asks for what nobody can know."""
    for name, lengths in counts.lengths.items():
        if lengths.truncated:
            sampled = "" if seen.config.vector_fields[name].long_texts else " (one text in 16 was counted)"
            yield f"{name}: {_lost(lengths)}{sampled}"
    for name, why in seen.uncounted.items():
        yield f"{name}: tokens are not counted, and limits.max_truncated_share is not checked: {why}"


def require_few_truncated(plan: Plan) -> None:
    """Only of fields that say `long_texts: truncate`: what a corpus file never spoke of does not stop its next run."""
    limit = plan.config.limits.max_truncated_share
    for name, lengths in plan.counts.lengths.items():
        asked = plan.config.vector_fields[name].long_texts == TRUNCATE
        if asked and lengths.truncated > limit * lengths.documents:
            raise BuildError(
                f"'{plan.alias}': {name}: {_lost(lengths)}. That is more than limits.max_truncated_share ({limit:.1%}). Take a "
                "model that reads more, shorten source.text_template, or raise the limit."
            )


def _lost(lengths: TextLengths) -> str:
    return (
        f"{lengths.truncated:,} of {lengths.documents:,} texts ({lengths.truncated / lengths.documents:.1%}) are longer than the "
        f"model reads; {lengths.tokens_lost:,} of {lengths.tokens:,} tokens ({lengths.tokens_lost / lengths.tokens:.1%}) are in "
        "no vector, and nothing finds them by meaning"
    )
