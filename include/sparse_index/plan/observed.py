"""What is live now, and whether a delta build can start from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from sparse_index.addresses import public_address
from sparse_index.builds.plan import load_plan, plan_path
from sparse_index.builds.request import Mode, RunRequest
from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.fields import converter_of
from sparse_index.creation.mapping import key_types
from sparse_index.errors import BuildError
from sparse_index.live.alias import AliasState, observe_alias
from sparse_index.live.attached import Attached, observe_attached
from sparse_index.live.meta import Meta, read_meta
from sparse_index.store.files import Store

# What decides how a row becomes a document: rows of earlier days of a feed cannot be made anew when it changes.
_ROW_SHAPE = {"id_column", "text_template", "columns", "max_text_chars", "deleted_column"}


@dataclass(frozen=True)
class Live:
    """The index behind the alias (None: no alias yet), what it says of itself, its manifest if it is still there, and what
    others attached to it."""

    index: str | None
    meta: Meta | None
    manifest: str | None
    state: AliasState
    attached: Attached | None

    @property
    def data_date(self) -> date | None:
        return self.meta.data_date if self.meta is not None else None


def observe_live(cluster: Cluster, config: CorpusConfig, store: Store) -> Live:
    state = observe_alias(cluster, config.alias).require_sound()
    index = state.index
    meta = read_meta(cluster, index) if index else None
    kept = meta is not None and meta.store == public_address(config.store) and store.exists(meta.manifest)
    manifest = meta.manifest if meta is not None and kept else None
    return Live(index, meta, manifest, state, observe_attached(cluster, index) if index else None)


def reasons_for_full(
    cluster: Cluster,
    config: CorpusConfig,
    request: RunRequest,
    live: Live,
    fingerprints: Mapping[str, str],
    mapping: Json,
) -> list[str]:
    """Why a new index is built instead of a clone with the difference; empty when a clone will do."""
    if live.index is None:
        return [f"alias '{config.alias}' has no index yet"]
    if live.meta is None:
        return [f"{live.index} does not say what it was built from"]
    causes = {
        "full mode was asked for": request.mode is Mode.FULL,
        "a row limit was asked for": request.row_limit is not None,
        "the live index was never completed": live.meta.state != "complete",
        "the encoder changed": any(live.meta.fingerprint_of(name) != one for name, one in fingerprints.items()),
        "mapping, text template or shard count changed": live.meta.document_hash != config.document_hash(),
        "the live build's manifest is gone": live.manifest is None,
        f"{live.meta.delta_builds} delta builds since the last full one": (
            config.kind == "snapshot" and live.meta.delta_builds >= config.index.max_delta_builds
        ),
    }
    reasons = [cause for cause, applies in causes.items() if applies]
    declared = config.index.fields.keys()
    return reasons or [*_new_fields(cluster, live.index, mapping, declared), *_older_version(cluster, live.index)]


def _new_fields(cluster: Cluster, index: str, mapping: Json, declared: Set[str]) -> list[str]:
    """The mapping is strict: with a field that it does not know every document would be refused. Parameters of `declared`
    fields are the same while the configuration is; the cluster tells them in other words (without defaults)."""
    answer: Json = cluster.get(f"/{index}/_mapping")
    live: Json = answer[index]["mappings"]
    there, wanted = live.get("properties", {}), mapping["properties"]
    new = sorted(_missing(live, mapping))
    other = sorted(name for name in wanted if name in there.keys() - declared and not _holds(there[name], wanted[name]))
    changes = [f"'{name}' ({_change(there[name], wanted[name])})" for name in other]
    changes += [
        f"the keys of '{name}'" for name, kind in key_types(mapping).items() if key_types(live).get(name) != kind
    ]
    reasons = {"no such field": ", ".join(new), "a field otherwise": ", ".join(changes)}
    return [f"the live index has {reason}: {names}" for reason, names in reasons.items() if names]


def _missing(there: Json, wanted: Json, path: str = "") -> Iterator[str]:
    """Fields that are wanted, within objects too, by their full names."""
    known = there.get("properties", {})
    for name, field in wanted.get("properties", {}).items():
        if name in known:
            yield from _missing(known[name], field, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def _change(there: Json, wanted: Json) -> str:
    """The first setting of a field that differs."""
    key = next(key for key in wanted if not _holds(there, {key: wanted[key]}))
    return f"{key} {there.get(key)}, now {wanted[key]}"


def _holds(there: Json, wanted: Json) -> bool:
    """Whether a field has all that is wanted of it; the cluster may tell more than it was told."""
    return all(
        _holds(there.get(key, {}), value) if isinstance(value, dict) else there.get(key) == value
        for key, value in wanted.items()
    )


def _older_version(cluster: Cluster, index: str) -> list[str]:
    """A clone inherits the version that made its source; two major versions later it could not be opened."""
    settings: Json = cluster.get(f"/{index}/_settings", human="true", flat_settings="true")
    made_by = str(settings[index]["settings"].get("index.version.created_string", ""))
    number = str(cluster.get("/")["version"]["number"])
    if made_by and made_by.split(".", maxsplit=1)[0] != number.split(".", maxsplit=1)[0]:
        return [f"the live index was made by OpenSearch {made_by}, the cluster is {number}"]
    return []


def require_continuable(config: CorpusConfig, store: Store, live: Live, schema: pa.Schema) -> None:
    """A feed's partition is not the whole corpus: without the live manifest, or with ids or texts made otherwise, stop.

    Other fields may change: earlier days are read again for the new index, and need no encoding.
    """
    if config.kind != "feed" or live.index is None:
        return
    remedy = "Undo the change, or give the corpus a new alias and run its partitions again."
    if live.manifest is None or live.meta is None:
        raise BuildError(
            f"The manifest of {live.index} is not in the store {config.store}; one partition of the feed '{config.alias}' "
            f"cannot replace it. Restore it from a backup. {remedy}"
        )
    path = plan_path(config.alias, live.meta.build_id)
    former = load_plan(store, path).config if store.exists(path) else None
    if former is None or _row_shape(former) != _row_shape(config) or _other_texts(former, config, schema):
        raise BuildError(
            f"The feed '{config.alias}' now makes documents in another way than {live.index} (id column, text template, "
            f"columns, text length, or the type of id or text in index.fields); its earlier partitions would have to be read "
            f"again. {remedy}"
        )


def _row_shape(config: CorpusConfig) -> Json:
    return config.source.model_dump(include=_ROW_SHAPE)


def _other_texts(former: CorpusConfig, now: CorpusConfig, schema: pa.Schema) -> bool:
    """Whether the declared types write an id or a text in another way; analyzers and the like do not matter."""
    names = {now.source.id_column, *now.source.text_columns}
    kinds = ((name, schema.field(name).type) for name in names)
    return any(
        converter_of(kind, former.index.fields.get(name)) is not converter_of(kind, now.index.fields.get(name))
        for name, kind in kinds
    )
