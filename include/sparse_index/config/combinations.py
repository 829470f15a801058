"""Settings that are right alone and wrong together: one table, read by the check and by people."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sparse_index.addresses import public_address

Lookup = Callable[[str], Any]
_ONCE_A_DAY = re.compile(r"@daily|\d{1,2}\s+\d{1,2}\s+\*\s+\*\s+\*")


@dataclass(frozen=True)
class Clash:
    """`settings`: the keys that meet; `when`: whether they clash; `remedy`: what to do."""

    settings: tuple[str, ...]
    when: Callable[[Lookup], bool]
    remedy: str


def _is_feed(get: Lookup) -> bool:
    return bool(get("kind") == "feed")


def _is_table(get: Lookup) -> bool:
    return get("source.format") in ("delta", "iceberg")


def _is_routed(get: Lookup) -> bool:
    return any(get(f"index.alias.{name}") for name in ("routing", "index_routing", "search_routing"))


def _names_day(address: str) -> bool:
    return "{data_date" in address


def _store_in_corpus(get: Lookup) -> bool:
    folder, store = str(get("source.uri")).split("*")[0].rstrip("/"), str(get("store"))
    return bool(folder) and f"{store}/".startswith(f"{folder}/")


def _type_of(get: Lookup, column: Any) -> Any:
    """The type that index.fields gives a column; None where it does not name it."""
    fields = get("index.fields")
    declared = fields.get(column) if isinstance(fields, Mapping) else None
    return declared.get("type") if isinstance(declared, Mapping) else None


def _vector_names(get: Lookup) -> Collection[str]:
    fields = get("vectors")
    return fields if isinstance(fields, Mapping) and fields else (get("index.vector_field") or "text_sparse",)


def _encoders(get: Lookup) -> Iterator[Mapping[str, Any]]:
    fields = get("vectors")
    found = [_lookup(field, "encoder") for field in fields.values()] if isinstance(fields, Mapping) else []
    return (encoder for encoder in found or [get("encoder")] if isinstance(encoder, Mapping))


def _models_to_register(get: Lookup) -> int:
    """Different ones: that of the first field, and those of others that are not there yet."""
    models = [_lookup(encoder, "model") for encoder in _encoders(get)]
    return 1 + len([model for model in models[1:] if model != models[0] and _lookup(model, "source") != "model_id"])


def _is_said_twice(get: Lookup) -> bool:
    """Whether what is short for one field says something else than the first of `vectors`."""
    fields = get("vectors")
    if not isinstance(fields, Mapping) or not fields:
        return False
    name, field = next(iter(fields.items()))
    return get("index.vector_field") not in (None, name) or get("encoder") not in (None, _lookup(field, "encoder"))


CLASHES = (
    Clash(
        ("kind", "source.uri"),
        lambda get: _is_feed(get) and not _names_day(public_address(str(get("source.uri")))),
        "a feed reads one partition a run: write {data_date} where the address names the day (not in the query of a web "
        "address: that may be a secret, and is stored nowhere)",
    ),
    Clash(
        ("kind", "source.uri"),
        lambda get: not _is_feed(get) and _names_day(str(get("source.uri"))),
        "a snapshot is read whole each time: take {data_date} out, or set kind: feed",
    ),
    Clash(
        ("kind", "source.deleted_column"),
        lambda get: not _is_feed(get) and get("source.deleted_column") is not None,
        "a snapshot deletes what it no longer holds: leave deleted_column out, or set kind: feed",
    ),
    Clash(
        ("kind", "source.backfill_horizon_days"),
        lambda get: not _is_feed(get) and _number(get("source.backfill_horizon_days"), 30) != 30,
        "a snapshot has no late partitions: leave backfill_horizon_days out, or set kind: feed",
    ),
    Clash(
        ("kind", "source.columns"),
        lambda get: _is_feed(get) and not get("source.columns"),
        "partitions of different days must make the same fields: list the columns",
    ),
    Clash(
        ("kind", "source.format"),
        lambda get: _is_feed(get) and _is_table(get),
        "a table is read whole, in one of its versions: set kind: snapshot (a run then costs what changed)",
    ),
    Clash(
        ("source.format", "source.version"),
        lambda get: not _is_table(get) and get("source.version") is not None,
        "plain files have no versions: leave version out, or set the format of the table",
    ),
    Clash(
        ("source.format", "source.partitions", "source.partition_types"),
        lambda get: _is_table(get) and (get("source.partitions") == "ignore" or bool(get("source.partition_types"))),
        "a table itself knows its partition columns and their types: leave both out (`source.columns` says what is indexed)",
    ),
    Clash(
        ("source.partitions", "source.partition_types"),
        lambda get: get("source.partitions") == "ignore" and bool(get("source.partition_types")),
        "partitions that are ignored need no types: leave one of the two out",
    ),
    Clash(
        ("kind", "schedule"),
        lambda get: _is_feed(get) and not _ONCE_A_DAY.fullmatch(str(get("schedule") or "@daily").strip()),
        "a feed's run reads the day before it, so that it must run once every day: '@daily', 'MINUTE HOUR * * *', or null",
    ),
    Clash(
        ("index.vector_field", "source.columns"),
        lambda get: not set(_vector_names(get)).isdisjoint(get("source.columns") or ()),
        "the vector needs a field of its own: rename it, or leave the column out",
    ),
    Clash(
        ("index.vector_field", "index.fields"),
        lambda get: not set(_vector_names(get)).isdisjoint(get("index.fields") or ()),
        "the vector's field is not yours to declare: rename it, or take it out of index.fields",
    ),
    Clash(
        ("vectors", "index.vector_field"),
        _is_said_twice,
        "`encoder` and `index.vector_field` are short for one field: leave them out beside `vectors`",
    ),
    Clash(
        ("vectors",),
        lambda get: _models_to_register(get) > 1,
        "a run registers one model so far, the first field's: each further field needs the same one, or one that is there "
        "(source: model_id)",
    ),
    Clash(
        ("source.id_column", "index.fields"),
        lambda get: _type_of(get, get("source.id_column")) not in (None, "keyword"),
        "ids are compared as they are written: declare the id column as keyword, or leave it out of index.fields",
    ),
    Clash(
        ("index.alias", "index.shards"),
        lambda get: _is_routed(get) and _number(get("index.shards"), 1) > 1,
        "documents are written without routing and spread over the shards: a routed alias would find those of one shard; "
        "leave routing out, or have one shard",
    ),
    Clash(
        ("encoder.chunk_docs", "encoder.docs_per_request"),
        lambda get: any(
            _number(encoder.get("chunk_docs"), 256) < _number(encoder.get("docs_per_request"), 8)
            for encoder in _encoders(get)
        ),
        "a chunk holds whole requests: make it at least as large as one",
    ),
    Clash(
        ("store", "source.uri"),
        _store_in_corpus,
        "the store lies inside the corpus, which would then read our own files: move the store elsewhere",
    ),
)


def clashes(raw: Mapping[str, Any]) -> list[str]:
    """A line for each clash, like `kind=snapshot | source.deleted_column=gone | a snapshot ...`.

    `raw`: the configuration as nested mappings, checked or not; a key that is left out is None here.
    """
    return [_line(clash, raw) for clash in CLASHES if clash.when(lambda key: _lookup(raw, key))]


def clash_table() -> str:
    """Every combination that is refused, for people: one line each."""
    return "\n".join(f"{' + '.join(clash.settings):<45}{clash.remedy}" for clash in CLASHES)


def _line(clash: Clash, raw: Mapping[str, Any]) -> str:
    return " | ".join([*_shown(clash, raw), clash.remedy])


def _shown(clash: Clash, raw: Mapping[str, Any]) -> Iterator[str]:
    for key in clash.settings:
        value = _lookup(raw, key)
        # Of the fields their names: an encoder may have an address with a secret.
        value = list(value) if key == "vectors" and isinstance(value, Mapping) else value
        yield f"{key}={'(default)' if value is None else public_address(str(value))}"


def _lookup(raw: Any, key: str) -> Any:
    for name in key.split("."):
        raw = raw.get(name) if isinstance(raw, Mapping) else None
    return raw


def _number(value: Any, default: int) -> float:
    return value if isinstance(value, int | float) else default
