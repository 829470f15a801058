"""What is behind an alias now, asked for many at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from sparse_index.cluster.client import Cluster, Json
from sparse_index.console.batches import Answers, ask_of
from sparse_index.live.meta import Meta, meta_in
from sparse_index.names import parse_candidate


@dataclass(frozen=True)
class Live:
    """`indices` more than one: the alias is broken. Of an index that does not say whose it is, all else is None."""

    indices: tuple[str, ...]
    build_id: str | None = None
    data_date: date | None = None
    documents: int | None = None
    promoted_at: datetime | None = None

    @property
    def index(self) -> str | None:
        return self.indices[0] if len(self.indices) == 1 else None


def live_indices(cluster: Cluster, aliases: Sequence[str]) -> Answers[Live]:
    """By alias; one with nothing behind it is not there."""
    return ask_of(aliases, partial(_live, cluster))


def _live(cluster: Cluster, aliases: Sequence[str]) -> dict[str, Live]:
    answer: Json = cluster.request(
        "GET",
        f"/{','.join(aliases)}",
        params={"ignore_unavailable": "true", "filter_path": "*.aliases,*.mappings._meta"},
        retry=None,
    )
    return {alias: _of(members) for alias in aliases if (members := dict(_members(answer, alias)))}


def _members(answer: Json, alias: str) -> Iterator[tuple[str, Json]]:
    for name, body in answer.items():
        if alias in body.get("aliases", {}):
            yield name, body.get("mappings", {})


def _of(members: Mapping[str, Json]) -> Live:
    indices = tuple(sorted(members))
    meta = meta_in(members[indices[0]]) if len(indices) == 1 else None
    return Live(indices) if meta is None else _told(indices, meta)


def _told(indices: tuple[str, ...], meta: Meta) -> Live:
    owner = parse_candidate(indices[0])
    build_id = owner.build_id if owner else meta.build_id
    return Live(indices, build_id, meta.data_date, meta.documents, meta.promoted_at)
