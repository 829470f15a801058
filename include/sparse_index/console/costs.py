"""What the builds of a month have worked, by corpus, and what a corpus keeps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from sparse_index.cluster.client import Cluster, Json
from sparse_index.console.batches import Answers, ask_of
from sparse_index.console.build import BuildView, Sort, build_view, seconds_encoding
from sparse_index.console.endings import OfBuilds
from sparse_index.console.fields import at, count, text, texts
from sparse_index.console.listed import Listed
from sparse_index.console.receipts import Found, Receipts, build_ids
from sparse_index.names import candidate_pattern, parse_candidate
from sparse_index.store.files import Store
from sparse_index.store.layout import vectors_folder

_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
# The encoders of a corpus are those of so many newest builds.
_RECENT = 10


@dataclass(frozen=True)
class Work:
    """Of the builds that were planned in a month. `unread`: those whose receipt is not there, or cannot be read: nothing else
    counts them. `without_store`: texts that would have been encoded if no vector had been kept. `ml_node_s`: at most."""

    builds: int = 0
    unread: int = 0
    texts_encoded: int = 0
    without_store: int = 0
    predict_calls: int = 0
    ml_node_s: float = 0.0
    bytes_written: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(*(mine + theirs for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True)))


@dataclass(frozen=True)
class Files:
    """Bytes in the store now: a corpus's own, and the vectors of its encoders by the address of their folder, because corpora
    that have an encoder in common share these."""

    own: int
    vectors: Mapping[str, int]


@dataclass(frozen=True)
class Costs:
    """Of one corpus. `index_bytes`: of all its indices now, replicas too. None: not asked for, or (`problems`) not known."""

    corpus: str
    work: Work | None = None
    files: Files | None = None
    index_bytes: int | None = None
    problems: tuple[str, ...] = ()

    @property
    def store_bytes(self) -> int | None:
        return None if self.files is None else self.files.own + sum(self.files.vectors.values())


def total(each: Sequence[Costs]) -> Costs:
    """Of all that is known; vectors that are shared count once."""
    work = [costs.work for costs in each if costs.work is not None]
    files = [costs.files for costs in each if costs.files is not None]
    sizes = [costs.index_bytes for costs in each if costs.index_bytes is not None]
    vectors = {folder: size for one in files for folder, size in one.vectors.items()}
    return Costs(
        "all",
        sum(work, Work()) if work else None,
        Files(sum(one.own for one in files), vectors) if files else None,
        sum(sizes) if sizes else None,
    )


class Works(OfBuilds[Work]):
    """What builds worked."""

    def __init__(self) -> None:
        super().__init__(_of_build)


def work_of(listed: Listed, store: Store, works: Works, month: date) -> Work:
    """`month`: any day of it."""
    ids = [name for name in build_ids(store, listed.alias) if name.startswith(f"{month:%Y%m}")]
    return sum(works.of([(store, listed.alias, name) for name in ids]), Work())


def files_of(listed: Listed, store: Store, receipts: Receipts) -> Files:
    newest = receipts.of(store, listed.alias, build_ids(store, listed.alias)[:_RECENT])
    named = {name for one in newest for name in _fingerprints(one.content)}
    folders = [vectors_folder(name) for name in sorted(named)]
    return Files(_size(store, listed.alias), {store.full(folder): _size(store, folder) for folder in folders})


def _of_build(build_id: str, found: Found) -> Work:
    build = build_view(build_id, found)
    if build.sort in (Sort.OPEN, Sort.UNREAD):
        return Work(builds=1, unread=1)
    encoded = build.texts_encoded or 0
    return Work(
        builds=1,
        texts_encoded=encoded,
        without_store=encoded + int(build.books.get("reused", 0)),
        predict_calls=int(build.encode.get("predict_calls", 0)),
        ml_node_s=_ml_node_s(build),
        bytes_written=int(build.index.get("bytes", 0)),
    )


def _ml_node_s(build: BuildView) -> float:
    """All nodes that hold a model, for as long as tasks encoded, which is at most as long as the run took. Models of several
    vector fields are on the same nodes; where none is recorded, one node had it."""
    worked_s = seconds_encoding(build.encode)
    nodes = max((0 if model.on_workers else model.nodes or 1 for model in build.models), default=1)
    return nodes * (worked_s if build.duration_s is None else min(worked_s, build.duration_s))


def _fingerprints(content: object) -> list[str]:
    """Nothing else ever becomes part of a path."""
    named = [text(content, "fingerprint") or "", *texts(content, "fingerprints").values()]
    return [name for name in named if _FINGERPRINT.fullmatch(name)]


def _size(store: Store, folder: str) -> int:
    return sum(file.size_bytes for file in store.listing(folder))


def index_bytes(cluster: Cluster, aliases: Sequence[str]) -> Answers[int]:
    """By alias; those of closed indices are not known."""
    return ask_of(aliases, partial(_index_bytes, cluster))


def _index_bytes(cluster: Cluster, aliases: Sequence[str]) -> dict[str, int]:
    sizes, patterns = dict.fromkeys(aliases, 0), ",".join(map(candidate_pattern, aliases))
    answer: Json = cluster.get(f"/{patterns}/_stats/store", filter_path="indices.*.total.store.size_in_bytes")
    for name, body in (at(answer, "indices") or {}).items():
        owner = parse_candidate(name)
        if owner is not None and owner.alias in sizes:
            sizes[owner.alias] += count(body, "total", "store", "size_in_bytes") or 0
    return sizes
