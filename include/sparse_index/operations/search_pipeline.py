"""The default search pipeline of the index that a rollback puts live: a broken one would make every search fail."""

from __future__ import annotations

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError, SparseIndexError
from sparse_index.live.attached import named_pipeline, observe_attached, stays_named, usable_settings
from sparse_index.live.meta import read_meta
from sparse_index.ml import verbs
from sparse_index.ml.served import outage
from sparse_index.names import pipeline_owner
from sparse_index.query.pipelines import models_named
from sparse_index.serving.look import model_answers


def require_pipeline(cluster: Cluster, index: str) -> None:
    """Every search of an index is refused whose default search pipeline is gone; and one that its model has to encode."""
    error = _failing(cluster, index, named_pipeline(observe_attached(cluster, index).settings))
    if error is not None:
        raise error


def pipeline_after(
    cluster: Cluster, config: CorpusConfig, former: str | None, index: str
) -> tuple[str | None, list[str]]:
    """What `index` names once it is live in place of `former`, and what to know of it, in words.

    Its own, which it was made for; where it has none, that of an index with the same encoders, if searches pass it. Somebody
    else's comes along whatever `index` has, so a broken one is an error here."""
    own = named_pipeline(observe_attached(cluster, index).settings)
    if former is None:
        return own, []
    coming = named_pipeline(usable_settings(cluster, observe_attached(cluster, former)))
    if stays_named(coming, config.alias):
        require_pipeline(cluster, former)
        return coming, []
    if own is not None and pipeline_owner(own) == config.alias:
        return own, []
    return _taken_over(cluster, former, index)


def _taken_over(cluster: Cluster, former: str, index: str) -> tuple[str | None, list[str]]:
    there, meta = read_meta(cluster, former), read_meta(cluster, index)
    name = named_pipeline(observe_attached(cluster, former).settings)
    if name is None or there is None or meta is None or there.encoders != meta.encoders:
        return None, []
    if _failing(cluster, former, name) is None:
        return name, []
    return None, [
        f"it names no search pipeline: '{name}', that of the former live index, is gone or its model does not answer. Let the "
        "serving DAG run if it is ours"
    ]


def _failing(cluster: Cluster, index: str, name: str | None) -> SparseIndexError | None:
    """Why searches of `index` fail by the pipeline `name` of it; None where they pass."""
    if name is None:
        return None
    body = (cluster.find(f"/_search/pipeline/{name}") or {}).get(name)
    if body is None:
        return BuildError(
            f"{index} names the search pipeline '{name}', which does not exist: every search would fail. Let the serving DAG run "
            f"if it is ours, else create it again, or set index.search.default_pipeline of {index} to _none; then roll back."
        )
    silent = [model_id for model_id in sorted(models_named(body)) if not model_answers(cluster, model_id)]
    whose = f"What {index} names in its search pipeline '{name}'"
    passing = {model_id: outage(model_id, verbs.get_model(cluster, model_id), whose) for model_id in silent}
    gone = [model_id for model_id, error in passing.items() if error is None]
    if gone:
        return BuildError(
            f"{index} names the search pipeline '{name}', whose model {', '.join(gone)} does not answer: searches would fail. "
            "Deploy it (of a model of ours: let the serving DAG run), then roll back."
        )
    return next(filter(None, passing.values()), None)
