"""What a plan asks of cluster and store, all of it before anything is decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain

from sparse_index.builds.plan import Plan, load_plan
from sparse_index.builds.receipt import read_receipt, receipt_paths
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.cluster.disks import data_disks
from sparse_index.cluster.settings import effective_settings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.oddities import oddities_of
from sparse_index.corpus.schema import CorpusSchema, load_schema
from sparse_index.corpus.shards import ShardScan
from sparse_index.corpus.tokenizer import NoTokenizer
from sparse_index.creation.hindrances import hindrances
from sparse_index.creation.templates import observe_templates
from sparse_index.encode.encoder_record import largest_amount
from sparse_index.errors import BuildError, SparseIndexError, TerminalError
from sparse_index.live.alias import observe_alias
from sparse_index.live.attached import SEARCH_PIPELINE, Attached, observe_attached, usable_settings
from sparse_index.live.generations import kept_and_surplus, own_indices
from sparse_index.live.meta import read_meta
from sparse_index.live.reading import searched
from sparse_index.live.size import index_bytes
from sparse_index.live.states import index_states
from sparse_index.ml.life import encoder_fingerprint
from sparse_index.ml.tokenizer import find_tokenizer
from sparse_index.names import candidate_name
from sparse_index.plan.disk import usable_bytes
from sparse_index.plan.observed import Live, Lost, Observed, Scanned
from sparse_index.query.default_pipeline import default_pipeline
from sparse_index.store.files import Store
from sparse_index.store.layout import plan_path
from sparse_index.vectors.kinds import vector_kinds

_DISK = "cluster.routing.allocation.disk"


def observe_hindrances(cluster: Cluster, config: CorpusConfig) -> list[SparseIndexError]:
    """Why the cluster would refuse a candidate, or not let go of the live index. The first look: an index with some of these
    blocks cannot even be asked."""
    return [*map(BuildError, index_states(cluster, config.alias).problems), *hindrances(cluster, config)]


def observe_live(cluster: Cluster, config: CorpusConfig, store: Store) -> Live:
    """What is live now, and what the store knows of the build that made it."""
    state = observe_alias(cluster, config.alias).require_sound()
    if state.index is None:
        return Live(state, lost=_lost(cluster, config, store) if config.kind == "feed" else None)
    meta, attached = read_meta(cluster, state.index), observe_attached(cluster, state.index)
    if meta is None:
        return Live(state, None, attached)
    kept = store.exists(meta.manifest)
    plan, schema, unreadable = _left_by(store, plan_path(config.alias, meta.build_id))
    return Live(state, meta, attached, meta.manifest if kept else None, plan, unreadable, schema)


def _lost(cluster: Cluster, config: CorpusConfig, store: Store) -> Lost | None:
    """What was live, by the generations that are there, else by the receipts."""
    kept, surplus = kept_and_surplus(own_indices(cluster, config.alias), config)
    there = (Lost(index.name, is_there=True) for index in (*kept, *surplus))
    receipts = (_told_live(store, path) for path in reversed(receipt_paths(store, config.alias)))
    return next(chain(there, (Lost(live, is_there=False) for live in receipts if live)), None)


def _told_live(store: Store, path: str) -> str | None:
    """By a receipt, if it can be read."""
    try:
        live = read_receipt(store, path).get("live")
    except (FileNotFoundError, ValueError):
        return None
    return None if live is None else str(live)


def observe(
    cluster: Cluster,
    store: Store,
    config: CorpusConfig,
    request: RunRequest,
    scans: Sequence[ShardScan],
    *,
    build_id: str,
    now: datetime,
) -> Observed:
    """Everything that the plan depends on, but for the rows themselves."""
    live, candidate = observe_live(cluster, config, store), candidate_name(config.alias, build_id)
    fingerprints = {name: encoder_fingerprint(cluster, field) for name, field in config.vector_fields.items()}
    seen = Observed(
        config=config,
        request=request,
        build_id=build_id,
        now=now,
        scanned=_scanned(store, scans),
        live=live,
        fingerprints=fingerprints,
        refusal=_refusal(cluster, config, candidate),
        search_pipeline=_search_pipeline(cluster, config),
        uncounted=dict(_uncounted(store, config, fingerprints)),
    )
    return seen if live.attached is None else _beside(cluster, store, seen, live.attached)


def _beside(cluster: Cluster, store: Store, seen: Observed, live: Attached) -> Observed:
    """What matters beside a live index."""
    return replace(
        seen,
        version=str(cluster.get("/")["version"]["number"]),
        templates=observe_templates(cluster, seen.candidate),
        pipeline_gone=SEARCH_PIPELINE in live.settings.keys() - usable_settings(cluster, live).keys(),
        live_bytes=index_bytes(cluster, str(seen.live.index)) or 0,
        usable_bytes=_usable_bytes(cluster),
        largest=dict(_largest(cluster, seen)),
        largest_weights=dict(_largest_weights(store, seen)),
    )


def _search_pipeline(cluster: Cluster, config: CorpusConfig) -> str | None:
    pipeline = default_pipeline(cluster, config)
    return None if pipeline is None else pipeline.name


def _scanned(store: Store, scans: Sequence[ShardScan]) -> Scanned:
    shard, manifests = scans[0].shard, tuple(scan.manifest for scan in scans)
    schema, oddities = load_schema(store, shard.schema_path), oddities_of(store, manifests)
    knows_live = "live_index" in shard.model_fields_set
    return Scanned(manifests, schema, shard.schema_path, shard.source_version, oddities, shard.live_index, knows_live)


def _left_by(store: Store, path: str) -> tuple[Plan | None, CorpusSchema | None, str]:
    """The plan at `path` and the types that its build decided, where they are; why one that is there cannot be read."""
    plan = None
    try:
        plan = load_plan(store, path) if store.exists(path) else None
        return plan, _schema_of(store, plan), ""
    except BuildError as error:
        return plan, None, error.message


def _schema_of(store: Store, plan: Plan | None) -> CorpusSchema | None:
    where = None if plan is None else plan.schema_path
    return load_schema(store, where) if where is not None and store.exists(where) else None


def _uncounted(store: Store, config: CorpusConfig, fingerprints: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, field in config.vector_fields.items():
        found = find_tokenizer(store, field.encoder.model, fingerprints[name]) if field.long_texts else None
        if isinstance(found, NoTokenizer):
            yield name, found.why


def _largest_weights(store: Store, seen: Observed) -> Iterator[tuple[str, float]]:
    for name, kind in vector_kinds(seen.config).items():
        largest = largest_amount(store, seen.fingerprints[name]) if kind.fitted is not None else None
        if largest is not None:
            yield name, largest


def _refusal(cluster: Cluster, config: CorpusConfig, candidate: str) -> str | None:
    """The server reads what the corpus file owns, in an index that is never made."""
    query = config.index.alias.filter
    # A nested query is refused where no index has the field yet.
    filters = {"filter": query} if query and "nested" not in str(query) else {}
    if not config.index.settings and not filters:
        return None
    template = {"settings": config.index.settings, "aliases": {f"{candidate}-w": filters}}
    body = {"index_patterns": [candidate], "priority": 2_000_000_000, "template": template}
    try:
        cluster.post(f"/_index_template/_simulate_index/{candidate}", body)
    except TerminalError as error:
        if error.status != 400:
            raise
        return error.reason
    return None


def _usable_bytes(cluster: Cluster) -> int | None:
    settings = effective_settings(cluster, _DISK)
    if settings.get(f"{_DISK}.threshold_enabled") == "false":
        return None
    return usable_bytes(data_disks(cluster), settings.get(f"{_DISK}.watermark.high", ""))


def _largest(cluster: Cluster, seen: Observed) -> Iterator[tuple[str, float]]:
    if seen.config.kind == "snapshot":
        return
    for name in (name for name, types in seen.wider.items() if types.is_whole):
        if name not in seen.config.text_columns:
            ends = {end: {end: {"field": name}} for end in ("min", "max")}
            answer = searched(cluster, str(seen.live.index), {"size": 0, "aggs": ends})
            yield name, max(abs(each["value"] or 0) for each in answer["aggregations"].values())
