"""The indices of one alias: the live one, generations kept for a rollback, candidates that never went live."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sparse_index.cluster.client import Cluster, Json
from sparse_index.cluster.errors import SNAPSHOT_RUNS
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError, SparseIndexError, UnavailableError
from sparse_index.live.alias import observe_alias
from sparse_index.live.attached import READ_ONLY, Attached, attached_of
from sparse_index.live.meta import Meta, meta_in, read_meta
from sparse_index.names import candidate_pattern, parse_candidate, write_alias

# Of a generation that is kept, as the server gives them back.
_SPARE = {"index.number_of_replicas": "0", "index.blocks.write": "true"}


@dataclass(frozen=True)
class OwnIndex:
    """An index whose name and `_meta.alias` both say that it is ours."""

    name: str
    meta: Meta
    live: bool
    attached: Attached = field(default_factory=Attached)

    @property
    def why_it_stays(self) -> str | None:
        """What a person did to it that keeps it from being deleted, in words."""
        if self.attached.read_only == READ_ONLY:
            return f"{self.name} stays: it is read-only. Whoever needs it no more lifts the block ({READ_ONLY})"
        others = sorted(name for name in self.attached.aliases if name != write_alias(self.name))
        if others and self.is_generation:
            return (
                f"{self.name} stays: alias(es) {', '.join(others)} point to it. Whoever needs it no more removes them"
            )
        return None

    @property
    def is_generation(self) -> bool:
        """Once live, now kept for a rollback."""
        return not self.live and self.meta.promoted_at is not None

    @property
    def is_wanted(self) -> bool:
        """A generation that no rollback withdrew."""
        return self.is_generation and self.meta.withdrawn_at is None

    @property
    def is_failed_candidate(self) -> bool:
        return not self.live and self.meta.promoted_at is None


def own_indices(cluster: Cluster, alias: str) -> list[OwnIndex]:
    """Every index of ours for `alias`, newest build first, closed and hidden ones too.

    A fresh clone still carries the `_meta` of the index it was cloned from: it is nobody's generation, and counts
    as a failed candidate.
    """
    return own_and_unreadable(cluster, alias)[0]


def own_and_unreadable(cluster: Cluster, alias: str) -> tuple[list[OwnIndex], list[str]]:
    """`own_indices`, and the names of those that are ours by name while their `_meta` does not say so."""
    pattern = candidate_pattern(alias)
    answer: Json = cluster.get(f"/{pattern}", ignore_unavailable="true", expand_wildcards="all", flat_settings="true")
    # After the indices: an index that goes live between the two requests is live.
    members = set(observe_alias(cluster, alias).members)
    found = {name: _own(name, body, alias, name in members) for name, body in answer.items()}
    unreadable = [name for name, index in found.items() if index is None and _claims(name, alias)]
    own = [index for index in found.values() if index is not None]
    return sorted(own, key=lambda index: index.name, reverse=True), sorted(unreadable)


def readable_indices(cluster: Cluster, alias: str) -> list[OwnIndex]:
    """Newest first; `BuildError` when one cannot be understood: it may need any build and any vector, so nothing is safe to
    remove."""
    indices, unreadable = own_and_unreadable(cluster, alias)
    unreadable += [index.name for index in indices if index.meta.is_later]
    if unreadable:
        raise BuildError(
            f"the `_meta` of {', '.join(unreadable)} cannot be read (written by another version, or by hand?), so nobody "
            "can say what it needs. Delete it if nobody needs it"
        )
    return indices


def _claims(name: str, alias: str) -> bool:
    owner = parse_candidate(name)
    return owner is not None and owner.alias == alias


def _own(name: str, body: Json, alias: str, live: bool) -> OwnIndex | None:
    owner, meta = parse_candidate(name), meta_in(body.get("mappings", {}))
    if owner is None or meta is None or owner.alias != alias or meta.alias != alias:
        return None
    if meta.build_id != owner.build_id:
        meta = meta.model_copy(
            update={"build_id": owner.build_id, "promoted_at": None, "withdrawn_at": None, "state": "building"}
        )
    return OwnIndex(name, meta, live, attached_of(body))


def remove_candidate(cluster: Cluster, alias: str, index: str) -> bool:
    """Delete a candidate of ours that is not live; False when it was gone already."""
    _require_ours(cluster, alias, index)
    # The last look before the deletion.
    if _is_live(cluster, alias, index):
        raise BuildError(f"Index {index} is behind alias '{alias}': a live index is never deleted.")
    return cluster.remove(f"/{index}")


def _require_ours(cluster: Cluster, alias: str, index: str) -> None:
    owner, meta = parse_candidate(index), read_meta(cluster, index)
    if owner is None or owner.alias != alias or (meta is not None and meta.alias != alias):
        raise BuildError(f"Index {index} does not carry the mark of alias '{alias}'; it is left alone.")


@dataclass(frozen=True)
class Tidied:
    """Names of the indices that were deleted; `left`: what is still there or still as it was, and why, in words; `kept`:
    generations that one can go back to."""

    removed: list[str]
    left: list[str]
    kept: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        stays = f" {'; '.join(self.left)}." if self.left else ""
        return f"Kept for going back: {_named(self.kept)}. Deleted: {_named(self.removed)}.{stays}"


def _named(indices: list[str]) -> str:
    return ", ".join(indices) or "none"


def remove_failed_candidates(
    cluster: Cluster, alias: str, older_than: str, is_at_work: Callable[[str], bool]
) -> Tidied:
    """Delete the candidates of builds before `older_than` (a build id) that never went live.

    A failed build's candidate stays for inspection until the next build begins: that is now. One that is being written
    (`is_at_work`, by build id) stays.
    """
    older = (index for index in own_indices(cluster, alias) if index.meta.build_id < older_than)
    failed = (index for index in older if index.is_failed_candidate)
    return _delete_all(cluster, alias, [index for index in failed if not is_at_work(index.meta.build_id)])


def previous(own: Iterable[OwnIndex]) -> OwnIndex | None:
    """Where a rollback goes that is given no name; `own`: all indices of the alias, newest first.

    The newest wanted generation from before the live one, which is the one that was live before it: a rollback withdraws
    whatever is newer than the index to which it goes back."""
    indices = list(own)
    live = next((index.name for index in indices if index.live), None)
    return next((index for index in indices if index.is_wanted and (live is None or index.name < live)), None)


def kept_and_surplus(indices: Iterable[OwnIndex], config: CorpusConfig) -> tuple[list[OwnIndex], list[OwnIndex]]:
    """The generations to keep, and those beyond `retention.generations`; `indices` newest first.

    One that a rollback withdrew is the first to go: it is not what anybody wants to go back to.
    """
    generations = [index for index in indices if index.is_generation]
    ordered = sorted(generations, key=lambda index: not index.is_wanted)
    return ordered[: config.retention.generations], ordered[config.retention.generations :]


def retire(cluster: Cluster, config: CorpusConfig) -> Tidied:
    """Delete generations beyond `retention.generations`; the kept ones need no replicas.

    The alias is read again before each change: another run or a rollback may have moved it to any of them.
    """
    kept, surplus = kept_and_surplus(own_indices(cluster, config.alias), config)
    hindered = [reason for index in kept if (reason := _spare_replicas(cluster, config.alias, index))]
    tidied = _delete_all(cluster, config.alias, surplus)
    return Tidied(tidied.removed, hindered + tidied.left, [index.name for index in kept])


def _spare_replicas(cluster: Cluster, alias: str, index: OwnIndex) -> str | None:
    """What is in the way, in words. A closed index takes its settings, too."""
    if index.attached.settings.items() >= _SPARE.items():
        return None
    block = index.attached.read_only
    if block is not None:
        return f"{index.name} keeps its replicas: it is read-only ({block})"
    if not _is_live(cluster, alias, index.name):
        cluster.put(f"/{index.name}/_settings", _SPARE)
    return None


def _delete_all(cluster: Cluster, alias: str, doomed: Iterable[OwnIndex]) -> Tidied:
    """One that went live meanwhile stays, and is nothing to speak of."""
    tidied = Tidied([], [])
    for index in doomed:
        reason = index.why_it_stays
        try:
            if reason is None and _delete_unless_live(cluster, alias, index.name):
                tidied.removed.append(index.name)
        except UnavailableError as error:
            if not is_being_copied(error):
                raise
            reason = (
                f"{index.name} stays for now: a snapshot copies it. The next promoted build or the janitor deletes it"
            )
        tidied.left.extend([reason] if reason else [])
    return tidied


def is_being_copied(error: SparseIndexError) -> bool:
    """A snapshot copies the index, which cannot be deleted until that has ended."""
    return error.reason.startswith(SNAPSHOT_RUNS)


def _delete_unless_live(cluster: Cluster, alias: str, index: str) -> bool:
    _require_ours(cluster, alias, index)
    return not _is_live(cluster, alias, index) and cluster.remove(f"/{index}")


def _is_live(cluster: Cluster, alias: str, index: str) -> bool:
    return index in observe_alias(cluster, alias).members
