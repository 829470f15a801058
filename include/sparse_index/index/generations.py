"""The indices of one alias: the live one, generations kept for a rollback, candidates that never went live."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from sparse_index.cluster import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError, TerminalError
from sparse_index.index.alias import observe_alias
from sparse_index.index.meta import Meta, read_meta
from sparse_index.names import candidate_name, candidate_pattern, parse_candidate


@dataclass(frozen=True)
class OwnIndex:
    """An index whose name and `_meta.alias` both say that it is ours."""

    name: str
    meta: Meta
    live: bool

    @property
    def is_generation(self) -> bool:
        """Once live, now kept for a rollback."""
        return not self.live and self.meta.promoted_at is not None

    @property
    def is_failed_candidate(self) -> bool:
        return not self.live and self.meta.promoted_at is None


def own_indices(cluster: Cluster, alias: str) -> list[OwnIndex]:
    """Every index of ours for `alias`, newest build first.

    A fresh clone still carries the `_meta` of the index it was cloned from: it is nobody's generation, and counts
    as a failed candidate.
    """
    return own_and_unreadable(cluster, alias)[0]


def own_and_unreadable(cluster: Cluster, alias: str) -> tuple[list[OwnIndex], list[str]]:
    """`own_indices`, and the names of those that are ours by name while their `_meta` does not say so."""
    answer: Json = cluster.get(f"/{candidate_pattern(alias)}/_mapping", ignore_unavailable="true")
    # After the mappings: an index that goes live between the two requests is live.
    members = set(observe_alias(cluster, alias).members)
    found = {name: _own(name, body, alias, name in members) for name, body in answer.items()}
    unreadable = [name for name, index in found.items() if index is None and _claims(name, alias)]
    own = [index for index in found.values() if index is not None]
    return sorted(own, key=lambda index: index.name, reverse=True), sorted(unreadable)


def _claims(name: str, alias: str) -> bool:
    owner = parse_candidate(name)
    return owner is not None and owner.alias == alias


def _own(name: str, body: Json, alias: str, live: bool) -> OwnIndex | None:
    owner = parse_candidate(name)
    try:
        meta = Meta.model_validate(body["mappings"].get("_meta", {}).get("sparse_index", {}))
    except ValidationError:
        return None
    if owner is None or owner.alias != alias or meta.alias != alias:
        return None
    if meta.build_id != owner.build_id:
        meta = meta.model_copy(
            update={"build_id": owner.build_id, "promoted_at": None, "withdrawn_at": None, "state": "building"}
        )
    return OwnIndex(name, meta, live)


def remove_candidate(cluster: Cluster, alias: str, index: str) -> bool:
    """Delete a candidate of ours that is not live; False when it was gone already."""
    _require_ours(cluster, alias, index)
    # The last look before the deletion.
    if _is_live(cluster, alias, index):
        raise BuildError(f"Index {index} is behind alias '{alias}': a live index is never deleted.")
    return delete_index(cluster, index)


def _require_ours(cluster: Cluster, alias: str, index: str) -> None:
    owner, meta = parse_candidate(index), read_meta(cluster, index)
    if owner is None or owner.alias != alias or (meta is not None and meta.alias != alias):
        raise BuildError(f"Index {index} does not carry the mark of alias '{alias}'; it is left alone.")


def delete_index(cluster: Cluster, index: str) -> bool:
    """True when it was there."""
    try:
        cluster.delete(f"/{index}")
    except TerminalError as error:
        if error.status == 404:
            return False
        raise
    return True


def remove_failed_candidates(
    cluster: Cluster, alias: str, older_than: str, is_at_work: Callable[[str], bool]
) -> list[str]:
    """Delete the candidates of builds before `older_than` (a build id) that never went live; their names.

    A failed build's candidate stays for inspection until the next build begins: that is now. One that is being written
    (`is_at_work`, by build id) stays.
    """
    older = [
        index.meta.build_id
        for index in own_indices(cluster, alias)
        if index.is_failed_candidate and index.meta.build_id < older_than
    ]
    return _delete_all(cluster, alias, (candidate_name(alias, build) for build in older if not is_at_work(build)))


def kept_and_surplus(indices: Iterable[OwnIndex], config: CorpusConfig) -> tuple[list[str], list[str]]:
    """Names of the generations to keep, and of those beyond `retention.generations`; `indices` newest first.

    One that a rollback withdrew is the first to go: it is not what anybody wants to go back to.
    """
    generations = [index for index in indices if index.is_generation]
    names = [index.name for index in sorted(generations, key=lambda index: index.meta.withdrawn_at is not None)]
    return names[: config.retention.generations], names[config.retention.generations :]


def retire(cluster: Cluster, config: CorpusConfig) -> list[str]:
    """Delete generations beyond `retention.generations`; the kept ones need no replicas. Gives the deleted names.

    The alias is read again before each change: another run or a rollback may have moved it to any of them.
    """
    alias = config.alias
    kept, surplus = kept_and_surplus(own_indices(cluster, alias), config)
    for name in kept:
        if not _is_live(cluster, alias, name):
            cluster.put(f"/{name}/_settings", {"index.number_of_replicas": 0, "index.blocks.write": True})
    return _delete_all(cluster, alias, surplus)


def _delete_all(cluster: Cluster, alias: str, names: Iterable[str]) -> list[str]:
    """Those that were deleted; one that went live meanwhile stays."""
    return [name for name in names if _delete_unless_live(cluster, alias, name)]


def _delete_unless_live(cluster: Cluster, alias: str, index: str) -> bool:
    _require_ours(cluster, alias, index)
    return not _is_live(cluster, alias, index) and delete_index(cluster, index)


def _is_live(cluster: Cluster, alias: str, index: str) -> bool:
    return index in observe_alias(cluster, alias).members
