"""Settings that are right alone and wrong together: one table, read by the check and by people."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from pydantic import BaseModel

from sparse_index.addresses import public_address, reads_in
from sparse_index.config import search_rules
from sparse_index.config.encoder import EncoderConfig
from sparse_index.config.gate import ApprovalConfig

# The type of the error in which pydantic passes on what this table found.
CLASH = "clash"
_ONCE_A_DAY = re.compile(r"@daily|\d{1,2}\s+\d{1,2}\s+\*\s+\*\s+\*")


def _lookup(raw: Any, key: str) -> Any:
    """None where it is not given."""
    for name in key.split("."):
        raw = raw.get(name) if isinstance(raw, Mapping) else None
    return raw


@dataclass(frozen=True)
class Settings:
    """The value of a key like `source.uri`: the given one (which nobody may have checked yet), else the default of `model`."""

    model: type[BaseModel]
    raw: Mapping[str, Any]

    def __call__(self, key: str) -> Any:
        value = self.given(key)
        return self.default(key) if value is None else value

    def given(self, key: str) -> Any:
        return _lookup(self.raw, key)

    def default(self, key: str) -> Any:
        """None where a key must be given."""
        *sections, name = key.split(".")
        model: Any = self.model
        for section in sections:
            model = model.model_fields[section].annotation
        field = model.model_fields[name]
        return None if field.is_required() else field.get_default(call_default_factory=True)


@dataclass(frozen=True)
class Clash:
    """`settings`: the keys that meet; `when`: whether they clash; `remedy`: what to do."""

    settings: tuple[str, ...]
    when: Callable[[Settings], bool]
    remedy: str


def _is_feed(get: Settings) -> bool:
    return bool(get("kind") == "feed")


def _is_table(get: Settings) -> bool:
    return get("source.format") in ("delta", "iceberg")


def _is_routed(get: Settings) -> bool:
    return any(get(f"index.alias.{name}") for name in ("routing", "index_routing", "search_routing"))


def _names_day(address: str) -> bool:
    return "{data_date" in address


def _store_in_corpus(get: Settings) -> bool:
    return reads_in(str(get("source.uri")), str(get("store")))


def _type_of(get: Settings, column: Any) -> Any:
    """The type that index.fields gives a column; None where it does not name it."""
    fields = get("index.fields")
    declared = fields.get(column) if isinstance(fields, Mapping) else None
    return declared.get("type") if isinstance(declared, Mapping) else None


def _vector_names(get: Settings) -> Collection[str]:
    fields = get("vectors")
    return fields if isinstance(fields, Mapping) and fields else (get("index.vector_field"),)


def _encoders(get: Settings) -> list[Settings]:
    fields = get("vectors")
    found = [_lookup(field, "encoder") for field in fields.values()] if isinstance(fields, Mapping) else []
    return [Settings(EncoderConfig, encoder) for encoder in found or [get("encoder")] if isinstance(encoder, Mapping)]


def _share_a_name(get: Settings) -> bool:
    """Whether two different models that a run registers have one name."""
    models = [encoder.given("model") for encoder in _encoders(get) if encoder("lifecycle") == "per_run"]
    ours = [model for model in models if _lookup(model, "source") != "model_id" and _lookup(model, "name")]
    return any(one != other and one["name"] == other["name"] for one, other in combinations(ours, 2))


def _is_said_twice(get: Settings) -> bool:
    """Whether what is short for one field says something else than the first of `vectors`."""
    fields = get("vectors")
    if not isinstance(fields, Mapping) or not fields:
        return False
    name, field = next(iter(fields.items()))
    said = (get.given("index.vector_field"), get.given("encoder"))
    return said[0] not in (None, name) or said[1] not in (None, _lookup(field, "encoder"))


def _asks_somebody(approval: Any) -> bool:
    """Whether it says anything that is not so by itself."""
    get = Settings(ApprovalConfig, approval if isinstance(approval, Mapping) else {})
    return any((get(name) or None) != (get.default(name) or None) for name in ApprovalConfig.model_fields)


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
        lambda get: (
            not _is_feed(get) and get("source.backfill_horizon_days") != get.default("source.backfill_horizon_days")
        ),
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
        lambda get: _is_feed(get) and not _ONCE_A_DAY.fullmatch(str(get("schedule")).strip()),
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
        _share_a_name,
        "a run tells the models that it registers apart by their names: give each its own, or write both as the same model",
    ),
    Clash(
        ("source.id_column", "index.fields"),
        lambda get: _type_of(get, get("source.id_column")) not in (None, "keyword"),
        "ids are compared as they are written: declare the id column as keyword, or leave it out of index.fields",
    ),
    Clash(
        ("index.alias", "index.shards"),
        lambda get: _is_routed(get) and _is_less(1, get("index.shards")),
        "documents are written without routing and spread over the shards: a routed alias would find those of one shard; "
        "leave routing out, or have one shard",
    ),
    Clash(
        ("encoder.chunk_docs", "encoder.docs_per_request"),
        lambda get: any(_is_less(one("chunk_docs"), one("docs_per_request")) for one in _encoders(get)),
        "a chunk holds whole requests: make it at least as large as one",
    ),
    Clash(
        ("gate.golden", "gate.min_ndcg"),
        lambda get: get("gate.golden") is None and get("gate.min_ndcg") is not None,
        "the floor is measured with judgements: name the folder that has them, or leave min_ndcg out",
    ),
    Clash(
        ("gate.undecided", "gate.approval"),
        lambda get: get("gate.undecided") != "ask" and _asks_somebody(get.given("gate.approval")),
        "somebody is asked where undecided is `ask`: set it, or leave approval out",
    ),
    Clash(
        ("search.sides", "vectors"),
        search_rules.has_unknown_side,
        "a side is `bm25` or the name of a vector field: name what is there",
    ),
    Clash(
        ("search.sides", "vectors"),
        search_rules.has_field_named_bm25,
        "`bm25` is the full-text side: give the vector field another name",
    ),
    Clash(
        ("search.fusion", "search.sides"),
        search_rules.has_other_weights,
        "give each side a weight, and nothing else",
    ),
    Clash(
        ("search.query", "vectors"),
        search_rules.has_unknown_query_field,
        "it says for vector fields how a query becomes their vector: name those that are there",
    ),
    Clash(
        ("search.query", "vectors"),
        search_rules.has_wrong_query_way,
        "only a model makes a dense vector of a query: write model, or leave the field out",
    ),
    Clash(
        ("search.mode", "vectors"),
        search_rules.has_no_field_of_mode,
        "this mode asks a vector field of that kind: declare one, or write another mode",
    ),
    Clash(
        ("search.mode", "search.sides"),
        search_rules.fuses_one_side,
        "one side has nothing to be fused with: name another (bm25, say), or write another mode",
    ),
    Clash(
        ("search.mode", "search.rerank"),
        search_rules.has_no_reranker,
        "say which model re-ranks: search.rerank.model",
    ),
    Clash(
        ("store", "source.uri"),
        _store_in_corpus,
        "the store lies inside the corpus, which would then read our own files: move the store elsewhere",
    ),
)


def clashes(model: type[BaseModel], raw: Mapping[str, Any]) -> list[str]:
    """A line for each clash, like `kind=snapshot | source.deleted_column=gone | a snapshot ...`.

    `raw`: the configuration as nested mappings, checked or not; `model` knows the value of a key that is left out.
    """
    settings = Settings(model, raw)
    return [_line(clash, settings) for clash in CLASHES if clash.when(settings)]


def _line(clash: Clash, settings: Settings) -> str:
    return " | ".join([*_shown(clash, settings), clash.remedy])


def _shown(clash: Clash, settings: Settings) -> Iterator[str]:
    for key in clash.settings:
        value = settings.given(key)
        # Of the fields their names: an encoder may have an address with a secret.
        value = list(value) if isinstance(value, tuple) or (key == "vectors" and isinstance(value, Mapping)) else value
        yield f"{key}={'(default)' if value is None else public_address(str(value))}"


def _is_less(one: Any, other: Any) -> bool:
    """Values that were not checked yet may be no numbers."""
    return isinstance(one, int | float) and isinstance(other, int | float) and one < other
