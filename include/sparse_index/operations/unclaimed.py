"""What serving made for corpora that are not known here any more: named for a person, never removed.

Another installation may serve its own corpora in the same cluster, so that nothing proves that nobody needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.neighbours import Neighbours
from sparse_index.errors import SparseIndexError
from sparse_index.ml import verbs
from sparse_index.ml.groups import find_groups, models_called
from sparse_index.ml.served import serving_groups
from sparse_index.names import search_pipeline_owner
from sparse_index.operations.served import serving_cluster
from sparse_index.operations.sightings import Clusters
from sparse_index.serving.needs import may_need
from sparse_index.serving.state import recall
from sparse_index.store.files import Store


def unclaimed(clusters: Clusters, configs: Sequence[CorpusConfig], everybody: Neighbours) -> list[str]:
    """In the clusters of `configs`, in words. `everybody`: all corpora that are known here; nothing is said where one of them
    cannot be read."""
    if not everybody.corpora or everybody.broken:
        return []
    asked: list[Cluster] = []
    found: list[str] = []
    for config in configs:
        try:
            cluster = serving_cluster(clusters, config)
            if cluster not in asked:
                asked.append(cluster)
                found += [*_pipelines(cluster, everybody), *_groups(cluster, everybody)]
        except SparseIndexError as error:
            found.append(f"what nobody claims could not be looked for: {error.message}")
    return found


def _pipelines(cluster: Cluster, everybody: Neighbours) -> Iterator[str]:
    known = {config.alias for config in everybody.corpora}
    for name in sorted(cluster.find("/_search/pipeline") or {}):
        owner = search_pipeline_owner(name)
        if owner is not None and owner not in known:
            yield (
                f"no corpus '{owner}' is known here, whose search pipeline {name} stays. If nobody else has it: DELETE "
                f"/_search/pipeline/{name}"
            )


def _groups(cluster: Cluster, everybody: Neighbours) -> Iterator[str]:
    remembered = {group for config in everybody.corpora for group in recall(Store(config.store), config.alias).groups}
    for group in serving_groups(cluster):
        if group in remembered or any(may_need(config, group) for config in everybody.corpora):
            continue
        ids = [f"{verbs.ML}/models/{model_id}" for model_id in models_called(cluster, group)]
        gone = [step for path in ids for step in (f"POST {path}/_undeploy", f"DELETE {path}")]
        gone += [f"DELETE {verbs.ML}/model_groups/{group_id}" for group_id in find_groups(cluster, group)]
        steps = ", ".join(gone)
        yield f"no corpus that is known here needs the shared models of {group}, which stay. If nobody else does: {steps}"
