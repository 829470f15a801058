"""What the janitor sees of a corpus and of a store, frozen before anything is decided."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Protocol

from sparse_index.builds.plan import PLAN
from sparse_index.builds.receipt import saved_outcome
from sparse_index.builds.sign_of_life import SIGN, is_living
from sparse_index.builds.state import BuildState, build_state
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import ConfigError, SparseIndexError
from sparse_index.live.generations import OwnIndex, readable_indices
from sparse_index.ml.groups import marked_groups
from sparse_index.names import BUILD_ID, parse_group
from sparse_index.store.files import Store, StoredFile
from sparse_index.store.layout import (
    DUPLICATES_FILE,
    FINAL_MANIFEST_FILE,
    MANIFEST_FILE,
    PARTS,
    PLAN_FILE,
    build_folder,
    manifests_folder,
    schemas_folder,
    vectors_folder,
)
from sparse_index.vectors.compaction import MARKER_SUFFIX, Marker, VectorFile

# By connection name; one that could not be opened is missing.
Clusters = Mapping[str, Cluster]

_BUILD_FOLDER = build_folder("(?P<alias>[^/]+)", f"(?P<build_id>{BUILD_ID})")
_BUILD_PATH = re.compile(rf"{_BUILD_FOLDER}/(?P<rest>.+)")
_ENCODER_FOLDER = vectors_folder("(?P<fingerprint>[0-9a-f]{16})")
_VECTOR_PATH = re.compile(rf"{_ENCODER_FOLDER}/(?P<build_id>{BUILD_ID})-[^/]+\.parquet")
_ENCODER_PATH = re.compile(rf"{_ENCODER_FOLDER}/")
_BULKY = (f"{PARTS}/", MANIFEST_FILE, FINAL_MANIFEST_FILE, DUPLICATES_FILE)


class Runs(Protocol):
    """What the scheduler knows."""

    def goes_on(self, alias: str, build_id: str) -> bool | None:
        """Whether the build's run goes on; None when nobody knows of such a run."""

    def is_running(self, alias: str) -> bool:
        """Whether anything runs for this corpus now. It may not have planned its build yet."""


@dataclass(frozen=True)
class PlanFile:
    """A plan in the store, whichever corpus and whichever version made it. `fingerprints`: of its encoders, none when
    it cannot be read; `schema_path`: None where its version kept none."""

    path: str
    alias: str
    build_id: str
    fingerprints: frozenset[str]
    scans: tuple[str, ...]
    schema_path: str | None = None


@dataclass(frozen=True)
class StoreView:
    """The files of one store. `living`: what the signs of life say, by build folder."""

    files: tuple[StoredFile, ...]
    plans: tuple[PlanFile, ...]
    vectors: tuple[VectorFile, ...]
    markers: tuple[Marker, ...]
    living: Mapping[str, bool] = field(default_factory=dict)

    @property
    def fingerprints(self) -> list[str]:
        """Of every encoder that has files, before it has its first vectors too."""
        beside = (_ENCODER_PATH.match(file.path) for file in self.files)
        return sorted({file.fingerprint for file in self.vectors} | {match["fingerprint"] for match in beside if match})

    def beside_vectors(self, fingerprint: str) -> list[StoredFile]:
        """What an encoder has beside its vectors: its probe, its tokenizer."""
        vectors = {file.path for file in self.vectors} | {marker.path for marker in self.markers}
        found = self.under(vectors_folder(fingerprint), "")
        return [file for file in found if file.path not in vectors and not file.is_leftover]

    def vectors_of(self, fingerprint: str) -> list[VectorFile]:
        return [file for file in self.vectors if file.fingerprint == fingerprint]

    def markers_of(self, fingerprint: str) -> list[Marker]:
        return [marker for marker in self.markers if marker.path.startswith(f"{vectors_folder(fingerprint)}/")]

    def under(self, folder: str, suffix: str) -> list[StoredFile]:
        return [file for file in self.files if file.path.startswith(f"{folder}/") and file.path.endswith(suffix)]


@dataclass(frozen=True)
class BuildView:
    """One build's files."""

    alias: str
    build_id: str
    state: BuildState
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
    """What carries the mark of one corpus. `indices`: newest first; `groups`: (model group, build id); `scans`: what a run
    writes before its plan, manifests of shards and schemas; `states`: of every build that anything names; `busy`: what of it
    runs now, or may, in words; `lost_builds`: those that went live, where nothing of ours is live any more."""

    config: CorpusConfig
    indices: tuple[OwnIndex, ...]
    groups: tuple[tuple[str, str], ...]
    builds: tuple[BuildView, ...]
    scans: tuple[StoredFile, ...]
    scans_in_use: frozenset[str]
    states: dict[str, BuildState]
    busy: str = ""
    lost_builds: frozenset[str] = frozenset()

    @property
    def alias(self) -> str:
        return self.config.alias

    @property
    def failed_candidates(self) -> list[OwnIndex]:
        return [index for index in self.indices if index.is_failed_candidate]

    @property
    def referred_builds(self) -> set[str]:
        """The builds whose files an index refers to, by its own build id and by the paths in its `_meta`, or would refer to if
        it came back."""
        paths = [path for index in self.indices for path in (index.meta.manifest, index.meta.receipt)]
        matches = (_BUILD_PATH.fullmatch(path) for path in paths)
        named = {match["build_id"] for match in matches if match} | {index.meta.build_id for index in self.indices}
        return named | self.lost_builds

    def state(self, build_id: str) -> BuildState:
        return self.states.get(build_id, BuildState.UNKNOWN)


def view_store(store: Store, now: datetime) -> StoreView:
    """One listing of the whole store; every plan, every sign of life and every compaction marker is read."""
    files = store.listing()
    modified = {file.path: file.modified for file in files}
    plans = (_plan_file(store, file.path) for file in files)
    vectors = (_vector_file(file) for file in files)
    markers = (_marker(store, file.path, modified) for file in files if file.path.endswith(MARKER_SUFFIX))
    return StoreView(
        files=tuple(files),
        plans=tuple(plan for plan in plans if plan),
        vectors=tuple(file for file in vectors if file),
        markers=tuple(marker for marker in markers if marker),
        living=_living(store, files, now),
    )


def _living(store: Store, files: Sequence[StoredFile], now: datetime) -> dict[str, bool]:
    folders = (file.path.removesuffix(f"/{SIGN}") for file in files if file.path.endswith(f"/{SIGN}"))
    said = {folder: is_living(store, folder, now) for folder in folders}
    return {folder: living for folder, living in said.items() if living is not None}


def _plan_file(store: Store, path: str) -> PlanFile | None:
    """Read field by field: another version may have written the plan, and one that is odd must not stop the janitor."""
    match = _BUILD_PATH.fullmatch(path)
    if match is None or match["rest"] != PLAN_FILE:
        return None
    try:
        raw = store.read_json(path)
        encoders = () if PLAN.is_later(raw) else (raw["fingerprint"], *(raw.get("fingerprints") or {}).values())
        fingerprints = frozenset(map(str, encoders))
        scans = tuple(map(str, raw.get("scans") or ()))
        schema_path = raw.get("schema_path")
    except FileNotFoundError:  # gone since the listing
        return None
    except (KeyError, TypeError, ValueError, AttributeError):
        fingerprints, scans, schema_path = frozenset(), (), None
    return PlanFile(path, match["alias"], match["build_id"], fingerprints, scans, schema_path)


def _vector_file(file: StoredFile) -> VectorFile | None:
    match = _VECTOR_PATH.fullmatch(file.path)
    if match is None:
        return None
    return VectorFile(file.path, match["fingerprint"], match["build_id"], file.size_bytes, file.modified)


def _marker(store: Store, path: str, modified: dict[str, datetime]) -> Marker | None:
    """None when it is gone since the listing, or odd: then its files are merged anew."""
    try:
        content = store.read_json(path)
        target = str(content["target"])
        return Marker(path, target, tuple(content["sources"]), modified.get(target), tuple(content.get("sifted", ())))
    except (FileNotFoundError, KeyError, TypeError, ValueError, AttributeError):
        return None


def view_corpora(
    clusters: Clusters, store: Store, configs: Sequence[CorpusConfig], files: StoreView, runs: Runs | None
) -> tuple[list[CorpusView], list[str]]:
    """What could be looked at; what could not, in words."""
    views: list[CorpusView] = []
    failures: list[str] = []
    for config in configs:
        try:
            views.append(view_corpus(cluster_of(clusters, config), store, config, files, runs))
        except SparseIndexError as error:
            failures.append(f"'{config.alias}' could not be looked at, all of its stays: {error.message}")
    return views, failures


def cluster_of(clusters: Clusters, config: CorpusConfig) -> Cluster:
    """ConfigError when its connection could not be opened."""
    if config.connection not in clusters:
        raise ConfigError(f"connection '{config.connection}' cannot be opened")
    return clusters[config.connection]


def view_corpus(
    cluster: Cluster, store: Store, config: CorpusConfig, files: StoreView, runs: Runs | None
) -> CorpusView:
    """What the cluster and the store have of this corpus; `BuildError` when an index of it cannot be understood.

    `runs` None: there is no scheduler to ask, so any build whose state nobody knows may be at work.
    """
    alias = config.alias
    indices = readable_indices(cluster, alias)
    groups = [(name, owner.build_id) for name in marked_groups(cluster, alias) if (owner := parse_group(name))]
    in_store = _build_paths(files, alias)
    named = {index.meta.build_id for index in indices} | {build_id for _, build_id in groups} | set(in_store)
    goes_on = partial(runs.goes_on, alias) if runs is not None else None
    states = {
        build: build_state(build, in_store.get(build, ()), goes_on, files.living.get(build_folder(alias, build)))
        for build in sorted(named)
    }
    return CorpusView(
        config=config,
        indices=tuple(indices),
        groups=tuple(groups),
        builds=tuple(BuildView(alias, build, states[build], tuple(paths)) for build, paths in in_store.items()),
        scans=(*files.under(manifests_folder(alias), ".parquet"), *files.under(schemas_folder(alias), ".json")),
        scans_in_use=_scans_in_use(files.plans, alias, states),
        states=states,
        busy=_busy(alias, states, runs),
        lost_builds=_lost_builds(store, alias, indices, states),
    )


def _busy(alias: str, states: Mapping[str, BuildState], runs: Runs | None) -> str:
    if BuildState.AT_WORK in states.values() or (runs is not None and runs.is_running(alias)):
        return f"'{alias}' has a run now"
    unknown = [build for build, state in states.items() if state is BuildState.UNKNOWN and runs is None]
    if not unknown:
        return ""
    return (
        f"only Airflow knows whether build {unknown[-1]} of '{alias}' goes on: let sparse_index_forget or sparse_index_janitor "
        "do this there"
    )


def _lost_builds(store: Store, alias: str, indices: Sequence[OwnIndex], builds: Iterable[str]) -> frozenset[str]:
    if any(index.live for index in indices):
        return frozenset()
    return frozenset(build for build in builds if saved_outcome(store, alias, build) == "promoted")


def _scans_in_use(plans: Sequence[PlanFile], alias: str, states: dict[str, BuildState]) -> frozenset[str]:
    """Those of the newest plan, which the next scan takes over, and of every plan that may still be worked on; the schema
    of every plan, which says what types its index has."""
    own = sorted((plan for plan in plans if plan.alias == alias), key=lambda plan: plan.build_id)
    wanted = [plan for plan in own if plan is own[-1] or states[plan.build_id] is not BuildState.ENDED]
    schemas = {plan.schema_path for plan in own if plan.schema_path is not None}
    return frozenset(path for plan in wanted for path in plan.scans) | schemas


def _build_paths(files: StoreView, alias: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for file in files.files:
        match = _BUILD_PATH.fullmatch(file.path)
        if match and match["alias"] == alias and not file.is_leftover:
            found.setdefault(match["build_id"], []).append(file.path)
    return found
