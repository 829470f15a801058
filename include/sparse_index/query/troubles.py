"""What a cluster says when a search or a model fails, in words that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sparse_index.cluster.client import Cluster, Json
from sparse_index.errors import AccessError, ConfigError, ModelError, SparseIndexError, TerminalError
from sparse_index.ml import verbs
from sparse_index.ml.life import REMOTE
from sparse_index.ml.predict import is_not_ready
from sparse_index.ml.served import outage

_TOO_MANY_WORDS = "maxClauseCount"


@contextmanager
def explained(cluster: Cluster, model_id: str, function: str, purpose: str) -> Iterator[None]:
    """A request for `purpose` to a model that has to be of that `function`: ModelError with the cause where it fails, and its
    `outage` where that passes. What a model of another kind answers says nothing useful (null pointers, class casts)."""
    try:
        yield
    except (AccessError, ConfigError):
        raise
    except TerminalError as error:
        document = _document(cluster, model_id)
        passing = outage(model_id, document, f"The model of {purpose}") if is_not_ready(error) else None
        why = _why(document, model_id, function, purpose, error)
        raise passing or ModelError(why, error.status, error.reason) from error


def _why(document: Json | None, model_id: str, function: str, purpose: str, error: TerminalError) -> str:
    if document is None:
        return f"Model {model_id} of {purpose} does not exist. Run the corpus's serving, or name one that is there."
    algorithm, state = document.get("algorithm", function), document.get("model_state", "in an unknown state")
    if algorithm not in (function, REMOTE):
        return f"Model {model_id} is {algorithm}, and {purpose} needs one that is {function}. Name another."
    if is_not_ready(error):
        return (
            f"Model {model_id} of {purpose} does not answer (its document says {state}). Run the corpus's serving, or "
            f"deploy it: POST {verbs.ML}/models/{model_id}/_deploy"
        )
    return error.message if isinstance(error, ModelError) else f"Model {model_id} of {purpose} failed: {error.message}"


def _document(cluster: Cluster, model_id: str) -> Json | None:
    """Empty where the login may not read it."""
    try:
        return verbs.get_model(cluster, model_id)
    except SparseIndexError:
        return {}


@contextmanager
def searching() -> Iterator[None]:
    """Where it is the query that the cluster cannot take, an error that says so."""
    try:
        yield
    except TerminalError as error:
        raise in_words(error) from error


def in_words(error: SparseIndexError) -> SparseIndexError:
    """The refusal of a search, with what to do where we know it."""
    if _TOO_MANY_WORDS not in error.message:
        return error
    return TerminalError(
        "the query has more words than the cluster takes in one search (indices.query.bool.max_clause_count, 1,024 by "
        "default; each counts as often as it stands there, for each column). Shorten it.",
        error.status,
        error.reason,
    )
