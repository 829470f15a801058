"""The groups of ML Commons and the models in them. Everything a build makes hangs on its model group, whose name carries
alias and build."""

from __future__ import annotations

from typing import Any

from sparse_index.cluster.client import Cluster, Json
from sparse_index.errors import AccessError, OverloadedError, SparseIndexError
from sparse_index.names import group_prefix, parse_group

PAGE = 100


def find_groups(cluster: Cluster, name: str) -> list[str]:
    """The ids of the groups called `name`, the oldest first. A name is unique, but for two that are made at the same moment."""
    hits = search(cluster, "model_groups", {"term": {"name.keyword": name}})
    found = [hit for hit in hits if hit["_source"].get("name") == name]
    return [str(hit["_id"]) for hit in sorted(found, key=lambda hit: (_age(hit["_source"]), str(hit["_id"])))]


def _age(document: Json) -> int:
    return int(document.get("created_time", 0))


def find_group(cluster: Cluster, name: str) -> str | None:
    return next(iter(find_groups(cluster, name)), None)


def models_called(cluster: Cluster, group: str) -> dict[str, Json]:
    """Model id -> document of every model in a group called `group`, the oldest first."""
    found: dict[str, Json] = {}
    for group_id in find_groups(cluster, group):
        found |= models_in_group(cluster, group_id)
    return dict(sorted(found.items(), key=lambda item: (_age(item[1]), item[0])))


def create_group(cluster: Cluster, name: str, description: str, **access: Any) -> str:
    """The id of the group called `name`, made if there is none. `access`: to its models, where ML Commons controls it."""
    found = find_group(cluster, name)
    if found is not None:
        return found
    body = {"name": name, "description": description, **access}
    try:
        return str(cluster.post("/_plugins/_ml/model_groups/_register", body, retry=OverloadedError)["model_group_id"])
    except SparseIndexError as error:
        return _group_made_meanwhile(cluster, name, error)


def _group_made_meanwhile(cluster: Cluster, name: str, refusal: SparseIndexError) -> str:
    """A name that is taken, or a connection that broke after the request: the group may be there all the same."""
    if isinstance(refusal, AccessError):
        raise refusal
    found = find_group(cluster, name)
    if found is None:
        raise refusal
    return found


def models_in_group(cluster: Cluster, group_id: str) -> dict[str, Json]:
    """Model id -> document, without the documents that hold a model's chunks."""
    query = {
        "bool": {
            "filter": [{"term": {"model_group_id": group_id}}],
            "must_not": [{"exists": {"field": "chunk_number"}}],
        }
    }
    return {str(hit["_id"]): hit["_source"] for hit in search(cluster, "models", query)}


def marked_groups(cluster: Cluster, *aliases: str) -> list[str]:
    """The names of all groups that carry the mark of one of the `aliases`, whichever build made them."""
    marks = [{"prefix": {"name.keyword": group_prefix(alias)}} for alias in aliases]
    # To a query of this kind ML Commons may add what one may see: without the minimum that alone would do.
    hits = search(cluster, "model_groups", {"bool": {"should": marks, "minimum_should_match": 1}})
    if len(hits) == PAGE and len(aliases) > 1:
        return sorted(name for alias in aliases for name in marked_groups(cluster, alias))
    names = (str(hit["_source"].get("name", "")) for hit in hits)
    return sorted(name for name in names if (owner := parse_group(name)) is not None and owner.alias in aliases)


def search(cluster: Cluster, kind: str, query: Json) -> list[Json]:
    """None as well when nothing of this kind was ever made: then its index is not there."""
    answer = cluster.find(f"/_plugins/_ml/{kind}/_search", {"size": PAGE, "query": query})
    hits: list[Json] = answer["hits"]["hits"] if answer else []
    return hits
