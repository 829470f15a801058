"""What a plan must not do unasked: go back in time, or change most of the index overnight."""

from __future__ import annotations

from collections.abc import Sequence

from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.index.meta import Meta
from sparse_index.plan.model import Counts, RunRequest


def require_forward_date(request: RunRequest, live: Meta | None) -> None:
    """P4: an older snapshot never replaces a newer one, unless forced."""
    if live is not None and request.data_date < live.data_date and not request.force_older_date:
        raise BuildError(
            f"The live index of '{live.alias}' holds the data of {live.data_date}; this run is for the older "
            f"{request.data_date}. Nothing to do, or set `force_older_date` to go back on purpose."
        )


def require_expected_change(
    config: CorpusConfig, request: RunRequest, counts: Counts, deleted_examples: Sequence[str]
) -> None:
    """Stop when more vanishes or changes than `limits` allows, unless acknowledged; and when too little is left."""
    if counts.documents < config.limits.min_documents and request.row_limit is None:
        raise BuildError(
            f"The new state of '{config.alias}' has {counts.documents} documents, fewer than limits.min_documents "
            f"({config.limits.min_documents}). Look at the corpus at {config.source.uri}."
        )
    before = counts.documents - counts.new + counts.deleted
    if before == 0 or request.accept_mass_change or request.row_limit is not None:
        return
    changed = counts.text_changed + counts.fields_changed
    if counts.deleted > config.limits.max_deleted_share * before:
        raise BuildError(
            f"{counts.deleted} of {before} documents of '{config.alias}' would vanish "
            f"({', '.join(deleted_examples)}, ...), more than "
            "limits.max_deleted_share. Check the corpus, or set `accept_mass_change`."
        )
    if changed > config.limits.max_changed_share * before:
        raise BuildError(
            f"{changed} of {before} documents of '{config.alias}' would change, more than limits.max_changed_share. "
            "Check the corpus, or set `accept_mass_change`."
        )
