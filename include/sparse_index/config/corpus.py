"""The configuration of one corpus: where it is, how it becomes documents, and what may go live."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from itertools import chain
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sparse_index.addresses import Address, public_address, with_secret
from sparse_index.config.airflow_rules import ConnectionId, Owner, OwnerLink, Schedule, Tag
from sparse_index.config.alerts import AlertConfig
from sparse_index.config.combinations import CLASH, clashes
from sparse_index.config.encoder import EncoderConfig, Section
from sparse_index.config.field_names import FieldName
from sparse_index.config.fields import DeclaredField
from sparse_index.config.gate import GateConfig
from sparse_index.config.live_index import AliasConfig, is_dynamic, settings_by_full_name
from sparse_index.config.search import SearchConfig
from sparse_index.config.tasks import AirflowConfig
from sparse_index.config.template import columns_of
from sparse_index.config.vectors import SparseField, VectorField, with_first_field
from sparse_index.store.layout import OWN_FOLDERS

_ALIAS = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_DAY = re.compile(r"\{data_date(?::(?P<format>[^}]*))?\}")
PartitionType = Literal["string", "int", "long", "double", "date", "timestamp", "boolean"]
TableVersion = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
Share = Annotated[float, Field(ge=0, le=1)]


class SourceConfig(Section):
    """A Parquet data set and how a row becomes a document.

    `uri`: a file, folder or glob, any fsspec address; a feed's names the day, `day={data_date}` or
    `{data_date:%Y/%m/%d}`. `text_template`: the text to encode, `"{title}. {body}"`. `columns`: those indexed as typed
    fields (default: every column; a feed lists them). Texts are cut at `max_text_chars` characters before encoding: a model
    reads a few thousand at most. Feeds only: a true in `deleted_column` deletes the document, and partitions may come
    `backfill_horizon_days` late.

    `format`: what lies at the address. Of a table, `version` is its number (Iceberg: the snapshot's id) or `data_date`, the
    last one of the run's day. Folders `key=value` are columns unless `partitions` is `ignore`.
    """

    uri: Address
    id_column: str
    text_template: str
    columns: list[FieldName] | None = None
    max_text_chars: Annotated[int, Field(ge=1)] = 20_000
    max_shards: Annotated[int, Field(ge=1, le=256)] = 16
    deleted_column: str | None = None
    backfill_horizon_days: Annotated[int, Field(ge=1)] = 30
    format: Literal["parquet", "delta", "iceberg"] = "parquet"
    version: TableVersion | Literal["data_date"] | None = None
    partitions: Literal["columns", "ignore"] = "columns"
    partition_types: dict[str, PartitionType] | None = None

    def address(self, data_date: date | None) -> str:
        """`uri` with the day filled in, its secrets with it; ValueError when it names one and there is none."""
        if data_date is None and _DAY.search(self.uri):
            raise ValueError(f"source.uri {public_address(self.uri)} needs a data date")
        return _DAY.sub(lambda match: format(data_date, match["format"] or "%Y-%m-%d"), self.uri)

    def with_secret(self, file: str) -> str:
        """The stored address of a file of this corpus with what opens it: a signed query or a login."""
        return with_secret(file, self.uri)

    @property
    def text_columns(self) -> list[str]:
        """The columns the template names, in order of appearance."""
        return columns_of(self.text_template)

    @field_validator("text_template")
    @classmethod
    def _template_names_columns(cls, template: str) -> str:
        columns_of(template)
        return template


class IndexConfig(Section):
    """The shape of the index. Shard count and mapping cannot change in a delta build; replicas can.

    After `max_delta_builds` clones in a row the index of a snapshot is built anew, from the vectors in the store. `fields`:
    what the field of a column is, where it is not the generated one; `analysis`: the analyzers that they name. `alias` and
    `settings` own what is otherwise taken over from the index that was live before.
    """

    shards: Annotated[int, Field(ge=1)] = 1
    replicas: Annotated[int, Field(ge=0)] = 1
    vector_field: FieldName = "text_sparse"
    codec: str = "default"
    fields: dict[FieldName, DeclaredField] = Field(default_factory=dict)
    analysis: dict[str, Any] = Field(default_factory=dict)
    deletes_pct_allowed: Annotated[int, Field(ge=5, le=50)] = 20
    bulk_bytes: Annotated[int, Field(ge=10_000)] = 1_000_000
    bulk_requests_in_flight: Annotated[int, Field(ge=1, le=16)] = 4
    max_delta_builds: Annotated[int, Field(ge=0)] = 60
    alias: AliasConfig = AliasConfig()
    settings: dict[str, str | list[str]] = Field(default_factory=dict)

    @field_validator("settings", mode="before")
    @classmethod
    def _settings_are_the_owners(cls, given: Any) -> dict[str, Any]:
        return settings_by_full_name(given)

    @property
    def dynamic_settings(self) -> dict[str, str | list[str]]:
        """Those of `settings` that change on an index that is there."""
        return {name: value for name, value in self.settings.items() if is_dynamic(name)}

    @property
    def static_settings(self) -> dict[str, str | list[str]]:
        """Those of `settings` that only a new index can have."""
        return {name: value for name, value in self.settings.items() if not is_dynamic(name)}


class QueryConfig(Section):
    """How a query becomes tokens. `analyzer`: the cluster's analyzer that splits it as the model's tokenizer splits texts."""

    analyzer: Annotated[str, Field(min_length=1)] = "standard"


class LimitsConfig(Section):
    """Beyond these nothing is promoted (dead letters, documents with a text and without a vector) or even started (changes),
    unless a Param acknowledges it.

    `max_truncated_share`: of the texts of a vector field with `long_texts: truncate`, those that are longer than its model reads.
    """

    max_dead_letters: Annotated[int, Field(ge=0)] = 1000
    max_dead_letter_share: Share = 0.01
    max_changed_share: Share = 0.5
    max_deleted_share: Share = 0.2
    min_documents: Annotated[int, Field(ge=0)] = 1
    max_empty_share: Share = 0.05
    max_truncated_share: Share = 0.05


class RetentionConfig(Section):
    """How many previous generations (indices) stay for a rollback, and how long the store keeps ended builds, and vectors
    that no kept index needs."""

    generations: Annotated[int, Field(ge=0)] = 1
    builds_days: Annotated[int, Field(ge=1)] = 30
    vectors_days: Annotated[int, Field(ge=1)] = 30


class CorpusConfig(Section):
    """Everything one corpus needs; the whole content of `include/corpora/<name>.yaml`.

    `encoder`, with `index.vector_field`, is short for one sparse field in `vectors`; beside `vectors` it is that of the first.
    `serving_connection`: with the account that may write search pipelines; left out: `connection`. `alerts` may hold secrets, and
    are in no dump. Nobody is told of lateness where `late_after_minutes` (of a run, from its queue time) or
    `stale_after_hours` (of the live data, from the begin of its day) is left out.
    """

    alias: str
    description: str = ""
    owner: Owner = "airflow"
    owner_url: OwnerLink | None = None
    runbook_url: OwnerLink | None = None
    alerts: Annotated[tuple[AlertConfig, ...], Field(exclude=True)] = ()
    late_after_minutes: Annotated[int, Field(ge=1, le=10_080)] | None = None
    stale_after_hours: Annotated[float, Field(gt=0)] | None = None
    tags: tuple[Tag, ...] = ()
    schedule: Schedule | None = "@daily"
    kind: Literal["snapshot", "feed"] = "snapshot"
    connection: ConnectionId = "opensearch_default"
    serving_connection: ConnectionId | None = None
    store: Address
    store_is_shared: bool = False
    cluster_settings: Literal["check", "ensure"] = "check"
    source: SourceConfig
    encoder: EncoderConfig
    vectors: dict[FieldName, Annotated[VectorField, Field(discriminator="kind")]] = Field(default_factory=dict)
    index: IndexConfig = IndexConfig()
    query: QueryConfig = QueryConfig()
    search: SearchConfig = SearchConfig()
    limits: LimitsConfig = LimitsConfig()
    gate: GateConfig = GateConfig()
    retention: RetentionConfig = RetentionConfig()
    airflow: AirflowConfig = AirflowConfig()

    @model_validator(mode="before")
    @classmethod
    def _has_a_first_field(cls, raw: Any) -> Any:
        return with_first_field(raw)

    @field_validator("alias")
    @classmethod
    def _alias_is_an_index_name(cls, alias: str) -> str:
        if not _ALIAS.fullmatch(alias) or "--" in alias:
            raise ValueError(
                "an alias has lower case letters, digits, '.', '_' and '-', begins with a letter or digit, "
                "is at most 100 long and has no '--' (that separates alias and build)"
            )
        if alias in OWN_FOLDERS:
            raise ValueError(f"'{alias}' is a folder of the store's own, beside those of corpora; take another alias")
        return alias

    @model_validator(mode="after")
    def _settings_go_together(self) -> CorpusConfig:
        problems = clashes(type(self), self.model_dump(exclude_unset=True))
        if problems:
            raise PydanticCustomError(CLASH, "{lines}", {"lines": "\n".join(problems)})
        return self

    @model_validator(mode="after")
    def _one_codec(self) -> CorpusConfig:
        by_codec = {field.codec: name for name, field in self.vector_fields.items() if field.codec is not None}
        if len(by_codec) > 1:
            named = ", ".join(f"{name} needs index.{codec}" for codec, name in by_codec.items())
            raise ValueError(
                f"vectors: the cluster refuses an index with both ({named}). Write `index: rank_features` for the sparse field, "
                "or make two corpora"
            )
        return self

    @model_validator(mode="after")
    def _one_place_a_model(self) -> CorpusConfig:
        """Fields of one model share its vectors, and what is proven of one place holds for no other."""
        places = {
            (field.encoder.model.model_dump_json(), field.encoder.run_on) for field in self.vector_fields.values()
        }
        if len(places) > len({model for model, _ in places}):
            raise ValueError(
                "vectors: fields with the same model have different `run_on`: give all of them the same one"
            )
        return self

    @property
    def vector_fields(self) -> dict[str, VectorField]:
        """Those of `vectors`; where there are none, the one that `encoder` and `index.vector_field` are short for."""
        return self.vectors or {self.index.vector_field: SparseField(kind="sparse", encoder=self.encoder)}

    @property
    def first_field(self) -> VectorField:
        """The one whose model a run may register."""
        return self.vector_fields[self.index.vector_field]

    @property
    def parallel_tasks(self) -> int:
        """How many encode tasks of a run are at work at once. They take the fields' parts as these come, so the least counts."""
        return min(field.encoder.parallel_tasks for field in self.vector_fields.values())

    @property
    def sides(self) -> tuple[str, ...]:
        """What a hybrid search asks, in the order of its queries: `bm25` or names of vector fields. Those that a model encodes
        come first: what the cluster does for them ends at the first vector field that has none."""
        sides = self.search.sides or tuple(self.vector_fields)
        return tuple(sorted(sides, key=lambda side: side not in self.model_side_fields))

    @property
    def model_side_fields(self) -> tuple[str, ...]:
        """The vector fields for which a model encodes the query."""
        return tuple(name for name in self.vector_fields if self.query_way(name) == "model")

    def query_way(self, field: str) -> str:
        """How a query becomes the vector of this field: model, analyzer or tokens."""
        return self.search.query.get(field, self.vector_fields[field].query_ways[0])

    @property
    def text_columns(self) -> list[str]:
        """The columns of which texts to encode are made: those of the corpus' own template, and of its vector fields'."""
        own = (columns_of(field.text) for field in self.vector_fields.values() if field.text is not None)
        return list(dict.fromkeys([*self.source.text_columns, *chain.from_iterable(own)]))

    def template_of(self, field: str) -> str:
        """What the texts of a vector field are made by."""
        return self.vector_fields[field].text or self.source.text_template

    @property
    def has_secrets(self) -> bool:
        """Whether an address in it has a signed query or a login."""
        kept = self.model_copy(update={"alerts": ()})
        return CorpusConfig.model_validate(kept.model_dump()) != kept

    def document_hash(self) -> str:
        """16 hex digits over all that decides a document's content beside the corpus: a change means a full build."""
        shape = {
            "source": self.source.model_dump(include={"id_column", "text_template", "columns", "max_text_chars"}),
            "index": self.index.model_dump(include={"shards", "vector_field", "codec", *self._own_mapping()}),
        }
        shapes = {name: field.shape for name, field in self.vector_fields.items()}
        if shapes != {self.index.vector_field: "sparse"}:
            shape["index"]["vector_field"] = shapes
        if self.index.static_settings:
            shape["index"]["settings"] = self.index.static_settings
        return hashlib.sha256(orjson.dumps(shape, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]

    def _own_mapping(self) -> list[str]:
        """Keys that count where they are set: the hash of a corpus that says nothing of them is what it always was."""
        return [name for name in ("fields", "analysis") if getattr(self.index, name)]
