"""The plan, decided: a pure function of what was seen and of the difference."""

from __future__ import annotations

from sparse_index.builds.plan import BuildKind, Counts, Plan
from sparse_index.plan.difference import Changes, Inputs
from sparse_index.plan.disk import candidate_bytes, large_shard_note
from sparse_index.plan.guards import skipped_days_note
from sparse_index.plan.lengths import length_notes
from sparse_index.plan.observed import Observed
from sparse_index.plan.parts import encode_parts, index_parts
from sparse_index.plan.reasons import reasons_for_full
from sparse_index.plan.takeover import Takeover, plan_takeover
from sparse_index.plan.texts import Encoder
from sparse_index.store.layout import manifest_path
from sparse_index.vectors.kinds import vector_kinds


def inputs_of(seen: Observed) -> Inputs:
    """What is to be compared."""
    config, request, kinds = seen.config, seen.request, vector_kinds(seen.config)
    return Inputs(
        scans=seen.scanned.manifests,
        live_manifest=seen.live.manifest,
        encoders={
            name: Encoder(one, kinds[name].empty_rows, config.vector_fields[name].encoder.reads_chars)
            for name, one in seen.fingerprints.items()
        },
        full=bool(reasons_for_full(seen)),
        row_limit=request.row_limit,
        data_date=request.data_date if config.kind == "feed" else None,
        newest_day=seen.newest_day,
        live_day=seen.live.data_date if config.kind == "feed" else None,
        own_texts=frozenset(name for name, field in config.vector_fields.items() if field.has_own_texts),
        same_shape=seen.live.meta is not None and seen.live.meta.document_hash == config.document_hash(),
    )


def decide(seen: Observed, changes: Changes) -> Plan:
    """The whole plan, its parts too, whose files are yet to be written. BuildError when they would be too many."""
    config, request, live, counts = seen.config, seen.request, seen.live, changes.counts
    takeover, reasons = plan_takeover(seen), reasons_for_full(seen)
    plan = Plan(
        build_id=seen.build_id,
        request=request,
        config=config,
        kind=_kind(reasons, takeover, changes),
        reasons=reasons or _reasons_for_delta(takeover, changes),
        created_at=seen.now,
        fingerprint=seen.fingerprints[config.index.vector_field],
        fingerprints=dict(seen.fingerprints),
        live_index=live.index,
        live_build_id=live.meta.build_id if live.meta else None,
        counts=counts,
        manifest=manifest_path(config.alias, seen.build_id),
        encode_parts=[],
        index_parts=[],
        promotes=request.row_limit is None,
        scans=list(seen.scanned.manifests),
        schema_path=seen.scanned.schema_path,
        source_version=seen.scanned.source_version,
        mapping=seen.mapping,
        newest_day=seen.newest_day,
        search_pipeline=seen.search_pipeline,
        notes=_notes(seen, takeover, counts),
        disk_bytes=candidate_bytes(config, changes, seen.live_bytes) if live.index else None,
    )
    if not plan.makes_candidate:
        return plan
    parts = {"encode_parts": encode_parts(plan), "index_parts": index_parts(plan, changes.writes)}
    return plan.model_copy(update=parts)


def _kind(reasons: list[str], takeover: Takeover, changes: Changes) -> BuildKind:
    """What the corpus file owns on alias and index comes with the switch to a clone, though no document changed."""
    if reasons:
        return BuildKind.FULL
    return BuildKind.DELTA if takeover.changes or changes.differs else BuildKind.NOTHING


def _reasons_for_delta(takeover: Takeover, changes: Changes) -> list[str]:
    return ["only what changed"] if changes.differs else list(takeover.changes) or ["only what changed"]


def _notes(seen: Observed, takeover: Takeover, counts: Counts) -> list[str]:
    """What a person should know beside the numbers."""
    return [
        *seen.scanned.schema.notes,
        *seen.scanned.oddities.notes(),
        *takeover.notes,
        *large_shard_note(seen.config, seen.live_bytes),
        *skipped_days_note(seen),
        *length_notes(seen, counts),
    ]
