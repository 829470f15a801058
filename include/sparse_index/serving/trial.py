"""Search pipelines tried by their names, before any index names them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sparse_index.cluster.client import Cluster, Json
from sparse_index.errors import ConfigError, TerminalError, UnavailableError
from sparse_index.ml import verbs
from sparse_index.ml.predict import is_not_ready
from sparse_index.ml.served import outage
from sparse_index.names import rerank_pipeline_name
from sparse_index.query.pipelines import models_named
from sparse_index.serving.seen import Seen
from sparse_index.vectors.kind import Asked
from sparse_index.vectors.kinds import vector_kinds

_TEXT = "Does this pipeline answer?"
_EVERYTHING: Json = {"match_all": {}}


def try_pipelines(cluster: Cluster, seen: Seen) -> list[str]:
    """Searches of the live index through each pipeline that the configuration needs, with a text that it has to encode;
    ConfigError with the cluster's reason when one is refused, the `outage` of its models while they are deployed again.

    Gives the names of those that were tried; without a live index none is.
    """
    if seen.live is None:
        return []
    for name in seen.wanted:
        for what, body in trials(seen, name, seen.live.alike):
            try:
                cluster.post(f"/{seen.live.name}/_search", body, search_pipeline=name)
            except TerminalError as error:
                raise _outage(cluster, seen, name, error) or ConfigError(
                    f"The search pipeline {name} does not work ({what}): {error.message}. No index was made to name it.",
                    error.status,
                    error.reason,
                ) from error
    return list(seen.wanted)


def _outage(cluster: Cluster, seen: Seen, name: str, error: TerminalError) -> UnavailableError | None:
    """Which of several models is silent nobody says: none may be one that nobody deploys again."""
    if not is_not_ready(error):
        return None
    models = sorted(models_named(seen.wanted[name]))
    found = [outage(model_id, verbs.get_model(cluster, model_id), f"The search pipeline {name}") for model_id in models]
    return found[0] if found and all(found) else None


def trials(seen: Seen, name: str, fields: Iterable[str]) -> Iterator[tuple[str, Json]]:
    """What is tried of the pipeline `name` on an index with these vector fields, and the bodies of the searches: each field that
    a model encodes for, and all sides together. Re-ranking takes no search without its `ext`, so there it is these alone; and
    everything where the live index is asked as it was built, by sides that the configuration need not have any more."""
    known, kinds = set(fields) & set(seen.config.model_side_fields), vector_kinds(seen.config)
    asked = {field: kinds[field].by_text(field, _TEXT, Asked(1)) for field in sorted(known)}
    # A side that needs no model, or whose field is yet to come, is asked for everything.
    queries = [asked.get(side, _EVERYTHING) for side in seen.config.sides]
    together = {"size": 1, "query": {"hybrid": {"queries": queries}} if len(queries) > 1 else queries[0]}
    if name == rerank_pipeline_name(seen.alias):
        if seen.live is not None and not seen.live.fits:
            together = {"size": 1, "query": _EVERYTHING}
        yield "re-ranking", together | {"ext": {"rerank": {"query_context": {"query_text": _TEXT}}}}
        return
    yield from ((field, {"size": 1, "query": query}) for field, query in asked.items())
    yield "all sides", together
