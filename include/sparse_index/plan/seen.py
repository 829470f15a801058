"""What one planning attempt has seen of cluster, store and corpus before anything is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.findings import Findings, findings_of
from sparse_index.corpus.schema import Typed, load_schema
from sparse_index.corpus.shards import ShardScan
from sparse_index.creation.mapping import index_mapping
from sparse_index.ml.life import encoder_fingerprint
from sparse_index.names import candidate_name
from sparse_index.plan import guards
from sparse_index.plan.attached import Takeover, plan_takeover
from sparse_index.plan.live_types import begins_anew, live_types
from sparse_index.plan.observed import Live, observe_live, reasons_for_full, require_continuable
from sparse_index.plan.widening import widened_types
from sparse_index.store.files import Store


@dataclass(frozen=True)
class Attempt:
    """What one planning attempt works with."""

    cluster: Cluster
    config: CorpusConfig
    store: Store
    request: RunRequest
    build_id: str
    now: datetime


@dataclass(frozen=True)
class Seen:
    """`fingerprints`: of the encoder of each vector field; `reasons`: why the index is built anew (empty: a clone will do);
    `scans`: the manifests of the corpus; `mapping`: of the candidate; `takeover`: what the candidate takes over from the live
    index; `notes`: what a person should know."""

    live: Live
    fingerprints: Mapping[str, str]
    reasons: Sequence[str]
    scans: Sequence[str]
    schema_path: str
    source_version: str | None
    mapping: Json
    findings: Findings
    takeover: Takeover
    notes: Sequence[str]


def look(attempt: Attempt, scans: Sequence[ShardScan]) -> Seen:
    """Ask cluster and store everything that the plan depends on; BuildError when what is live forbids this run."""
    cluster, config, store, request = attempt.cluster, attempt.config, attempt.store, attempt.request
    live = observe_live(cluster, config, store)
    guards.require_known_meta(config, request, live)
    guards.require_forward_date(config, request, live.meta)
    guards.require_within_horizon(config, request, live.data_date)
    shard, manifests = scans[0].shard, [scan.manifest for scan in scans]
    decided = load_schema(store, shard.schema_path)
    require_continuable(config, store, live, decided.schema)
    fingerprints = {name: encoder_fingerprint(cluster, field.encoder) for name, field in config.vector_fields.items()}
    mapping = index_mapping(config, decided.schema)
    # Documents that keep their former form would stand beside others of the same column.
    widened = _widened(attempt, live, decided.schema)
    candidate = candidate_name(config.alias, attempt.build_id)
    findings = findings_of(store, manifests)
    takeover = plan_takeover(cluster, config, live.state, live.attached, mapping, candidate)
    return Seen(
        live=live,
        fingerprints=fingerprints,
        reasons=reasons_for_full(cluster, config, request, live, fingerprints, mapping) or widened,
        scans=manifests,
        schema_path=shard.schema_path,
        source_version=shard.source_version,
        mapping=mapping,
        findings=findings,
        takeover=takeover,
        notes=[*decided.notes, *findings.notes(), *takeover.notes],
    )


def _widened(attempt: Attempt, live: Live, decided: pa.Schema) -> list[str]:
    config = attempt.config
    known = live_types(attempt.cluster, config, attempt.store, live, [Typed("the corpus", decided)])
    if live.index is None or known is None or begins_anew(config, attempt.request):
        return []
    return widened_types(attempt.cluster, config, live.index, known, decided)
