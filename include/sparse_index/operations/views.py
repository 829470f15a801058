"""What the janitor sees of a corpus and of a store, frozen before anything is decided."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sparse_index.cluster import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.index.generations import OwnIndex, own_indices
from sparse_index.ml.commons import marked_groups
from sparse_index.names import parse_group
from sparse_index.operations.compaction import Marker, VectorFile, is_marker, read_marker
from sparse_index.plan.model import load_plan
from sparse_index.store import VECTORS, Store, build_folder, manifests_folder

REPORTS = "janitor"
_BUILD_PATH = re.compile(r"^(?P<alias>[^/]+)/builds/(?P<build_id>\d{8}T\d{6}-[0-9a-f]{6})/(?P<rest>.+)$")
_VECTOR_PATH = re.compile(
    rf"^{VECTORS}/(?P<fingerprint>[0-9a-f]{{16}})/(?P<build_id>\d{{8}}T\d{{6}}-[0-9a-f]{{6}})-[^/]+\.parquet$"
)
_BULKY = ("parts/", "manifest.parquet", "manifest-final.parquet", "duplicates.parquet")

# True: the build's run goes on; False: it has ended; None: nobody knows of such a run.
IsLive = Callable[[str, str], bool | None]


class RunState(StrEnum):
    """Whether a build can still write."""

    LIVE = "live"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class PlanFile:
    """A plan in the store, whichever corpus made it."""

    path: str
    alias: str
    build_id: str
    fingerprint: str
    scans: tuple[str, ...]


@dataclass(frozen=True)
class StoreView:
    """The files of one store. `temporary`, `reports`: with the time of their last change."""

    paths: tuple[str, ...]
    plans: tuple[PlanFile, ...]
    vectors: tuple[VectorFile, ...]
    markers: tuple[Marker, ...]
    temporary: tuple[tuple[str, datetime], ...]
    reports: tuple[tuple[str, datetime], ...]

    @property
    def fingerprints(self) -> list[str]:
        return sorted({file.fingerprint for file in self.vectors})

    def vectors_of(self, fingerprint: str) -> list[VectorFile]:
        return [file for file in self.vectors if file.fingerprint == fingerprint]


@dataclass(frozen=True)
class BuildView:
    """One build's files."""

    alias: str
    build_id: str
    state: RunState
    paths: tuple[str, ...]

    @property
    def folder(self) -> str:
        return build_folder(self.alias, self.build_id)

    @property
    def bulky(self) -> list[str]:
        """What only a running build and the next plan need."""
        return [path for path in self.paths if path.removeprefix(f"{self.folder}/").startswith(_BULKY)]


@dataclass(frozen=True)
class CorpusView:
    """What carries the mark of one corpus. `indices`: newest first; `groups`: (model group, build id); `scans`: scan
    manifests with the time of their last change; `states`: of every build that anything names."""

    config: CorpusConfig
    indices: tuple[OwnIndex, ...]
    groups: tuple[tuple[str, str], ...]
    builds: tuple[BuildView, ...]
    scans: tuple[tuple[str, datetime], ...]
    scans_in_use: frozenset[str]
    states: dict[str, RunState]

    @property
    def alias(self) -> str:
        return self.config.alias

    @property
    def failed_candidates(self) -> list[OwnIndex]:
        return [index for index in self.indices if index.is_failed_candidate]

    @property
    def is_busy(self) -> bool:
        return RunState.LIVE in self.states.values()

    @property
    def referred_builds(self) -> set[str]:
        """The builds whose files an index refers to, by its own build id and by the paths in its `_meta`."""
        paths = [path for index in self.indices for path in (index.meta.manifest, index.meta.receipt)]
        matches = (_BUILD_PATH.match(path) for path in paths)
        return {match["build_id"] for match in matches if match} | {index.meta.build_id for index in self.indices}

    def state(self, build_id: str) -> RunState:
        return self.states.get(build_id, RunState.UNKNOWN)


def view_store(store: Store) -> StoreView:
    """One listing of the whole store; every plan and every compaction marker is read."""
    paths = store.files("")
    return StoreView(
        paths=tuple(paths),
        plans=tuple(_plan_file(store, path) for path in paths if _is_plan(path)),
        vectors=tuple(_vector_file(store, path) for path in paths if _VECTOR_PATH.match(path)),
        markers=tuple(read_marker(store, path) for path in paths if is_marker(path)),
        temporary=tuple((path, store.modified_at(path)) for path in store.temporary_files()),
        reports=_dated(store, [path for path in paths if path.startswith(f"{REPORTS}/") and path.endswith(".json")]),
    )


def _is_plan(path: str) -> bool:
    match = _BUILD_PATH.match(path)
    return match is not None and match["rest"] == "plan.json"


def _plan_file(store: Store, path: str) -> PlanFile:
    plan = load_plan(store, path)
    return PlanFile(path, plan.alias, plan.build_id, plan.fingerprint, tuple(plan.scans))


def _vector_file(store: Store, path: str) -> VectorFile:
    match = _VECTOR_PATH.match(path)
    fingerprint, build_id = match.groups() if match else ("", "")
    return VectorFile(path, fingerprint, build_id, store.size_bytes(path), store.modified_at(path))


def _dated(store: Store, paths: Sequence[str]) -> tuple[tuple[str, datetime], ...]:
    return tuple((path, store.modified_at(path)) for path in paths)


def view_corpus(cluster: Cluster, store: Store, config: CorpusConfig, files: StoreView, is_live: IsLive) -> CorpusView:
    """What the cluster and the store have of this corpus."""
    indices = own_indices(cluster, config.alias)
    groups = [(name, owner.build_id) for name in marked_groups(cluster, config.alias) if (owner := parse_group(name))]
    in_store = _build_paths(files, config.alias)
    named = {index.meta.build_id for index in indices} | {build_id for _, build_id in groups} | set(in_store)
    states = {build_id: _state(config.alias, build_id, in_store.get(build_id), is_live) for build_id in sorted(named)}
    plans = sorted((plan for plan in files.plans if plan.alias == config.alias), key=lambda plan: plan.build_id)
    wanted = [plan for plan in plans if plan is plans[-1] or states[plan.build_id] is not RunState.ENDED]
    scans = [path for path in files.paths if path.startswith(f"{manifests_folder(config.alias)}/")]
    return CorpusView(
        config=config,
        indices=tuple(indices),
        groups=tuple(groups),
        builds=tuple(BuildView(config.alias, build, states[build], tuple(paths)) for build, paths in in_store.items()),
        scans=_dated(store, scans),
        scans_in_use=frozenset(path for plan in wanted for path in plan.scans),
        states=states,
    )


def _build_paths(files: StoreView, alias: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in files.paths:
        match = _BUILD_PATH.match(path)
        if match and match["alias"] == alias:
            found.setdefault(match["build_id"], []).append(path)
    return found


def _state(alias: str, build_id: str, paths: Sequence[str] | None, is_live: IsLive) -> RunState:
    """A build whose run nobody knows has ended when it left a receipt (written last of all), or was refused by its plan:
    then it left files, but no plan that a later task could have worked on."""
    live = is_live(alias, build_id)
    if live is not None:
        return RunState.LIVE if live else RunState.ENDED
    left = {path.rsplit("/", 1)[-1] for path in paths or ()}
    return RunState.ENDED if "receipt.json" in left or (left and "plan.json" not in left) else RunState.UNKNOWN
