"""What a planning attempt saw, made by hand: plans are decided from it without a cluster, a store or a corpus."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from build_plans import corpus_config, make_plan
from sparse_index.builds.plan import Counts, Plan
from sparse_index.builds.request import RunRequest
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.schema import CorpusSchema
from sparse_index.creation.mapping import index_mapping
from sparse_index.live.alias import AliasState
from sparse_index.live.attached import Attached
from sparse_index.live.meta import Meta
from sparse_index.plan.decide import decide
from sparse_index.plan.difference import Changes
from sparse_index.plan.guards import require_comparable, require_right
from sparse_index.plan.observed import Live, Observed, Scanned

TODAY = date(2026, 1, 2)
FINGERPRINT = "0123456789abcdef"
INDEX = "things--b20260101t030405-000abc"
SCHEMA = pa.schema([("id", pa.string()), ("title", pa.string()), ("body", pa.string()), ("price", pa.int64())])


def live_index(
    config: CorpusConfig,
    *,
    schema: pa.Schema = SCHEMA,
    alias: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    mapping: dict[str, Any] | None = None,
    **meta: Any,
) -> Live:
    """The index that a build of `config` made of these columns yesterday; `meta` replaces fields of its `_meta`."""
    values: dict[str, Any] = {
        "alias": config.alias,
        "build_id": "20260101T030405-000abc",
        "state": "complete",
        "data_date": date(2026, 1, 1),
        "fingerprint": FINGERPRINT,
        "document_hash": config.document_hash(),
        "store": config.store,
        "manifest": "manifest-final.parquet",
        "receipt": "receipt.json",
    }
    decided = index_mapping(config, schema)
    state = AliasState(config.alias, (INDEX,), aliases={config.alias: alias or {}})
    return Live(
        state,
        Meta.model_validate(values | meta),
        Attached(state.aliases, {"index.version.created_string": "3.6.0"} | (settings or {}), mapping or decided),
        "manifest-final.parquet",
        make_plan(config, mapping=decided),
        schema=CorpusSchema(schema),
    )


def observed(
    config: CorpusConfig | None = None,
    live: Live | None = None,
    *,
    schema: pa.Schema = SCHEMA,
    request: dict[str, Any] | None = None,
    **changes: Any,
) -> Observed:
    """A day's look at a corpus with these columns; without `live` nothing is behind the alias yet."""
    config = config or corpus_config("things")
    live = live or Live(AliasState(config.alias, ()))
    seen = Observed(
        config=config,
        request=RunRequest(**({"run_id": "test", "data_date": TODAY} | (request or {}))),
        build_id="20260102T030405-abcdef",
        now=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        scanned=Scanned(("scan.parquet",), CorpusSchema(schema), "schema.json", live_index=live.index),
        live=live,
        fingerprints=dict.fromkeys(config.vector_fields, FINGERPRINT),
        version="3.6.0",
    )
    return replace(seen, **changes)


def found(documents: int = 100, **counts: int) -> Changes:
    """A difference whose books close: so many documents afterwards, all but those of the other `counts` unchanged."""
    written = sum(counts.get(name, 0) for name in ("new", "text_changed", "fields_changed"))
    numbers = {
        "encoded": written,
        "texts_to_encode": written,
        "unchanged": documents - written,
        "documents": documents,
        "rows_read": documents + counts.get("dead_letters", 0),
    }
    writes = written + counts.get("deleted", 0)
    return Changes(Counts(**numbers | counts), writes, writes > 0, ("d1",), ("d2",))


def planned_from(seen: Observed, changes: Changes) -> Plan:
    """The plan, as all guards let it pass."""
    require_comparable(seen)
    plan = decide(seen, changes)
    require_right(seen, changes, plan)
    return plan
