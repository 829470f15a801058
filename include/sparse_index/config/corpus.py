"""The configuration of one corpus: where it is, how it becomes documents, and what may go live."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, field_validator, model_validator

from sparse_index.addresses import Address, public_address, with_secret
from sparse_index.config.airflow_rules import ConnectionId, Owner, Schedule, Tag
from sparse_index.config.combinations import clashes
from sparse_index.config.encoder import EncoderConfig, Section
from sparse_index.config.field_names import FieldName
from sparse_index.config.fields import DeclaredField
from sparse_index.config.live_index import AliasConfig, is_dynamic, settings_by_full_name
from sparse_index.config.template import pieces
from sparse_index.config.vectors import SparseField, VectorField, with_first_field

_ALIAS = re.compile(r"^[a-z0-9][a-z0-9._-]{0,99}$")
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
        return list(dict.fromkeys(name for _, name in pieces(self.text_template) if name))

    @field_validator("text_template")
    @classmethod
    def _template_names_columns(cls, template: str) -> str:
        if not any(name for _, name in pieces(template)):
            raise ValueError("names no column; write it like '{title}. {body}'")
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
    bulk_bytes: Annotated[int, Field(ge=10_000)] = 5_000_000
    bulk_requests_in_flight: Annotated[int, Field(ge=1, le=16)] = 2
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
    """Beyond these nothing is promoted (dead letters) or even started (changes), unless a Param acknowledges it."""

    max_dead_letters: Annotated[int, Field(ge=0)] = 1000
    max_dead_letter_share: Share = 0.01
    max_changed_share: Share = 0.5
    max_deleted_share: Share = 0.2
    min_documents: Annotated[int, Field(ge=0)] = 1


class RetentionConfig(Section):
    """How many previous generations (indices) stay for a rollback, and how long the store keeps ended builds, and vectors
    that no kept index needs."""

    generations: Annotated[int, Field(ge=0)] = 1
    builds_days: Annotated[int, Field(ge=1)] = 30
    vectors_days: Annotated[int, Field(ge=1)] = 30


class CorpusConfig(Section):
    """Everything one corpus needs; the whole content of `include/corpora/<name>.yaml`.

    `encoder`, with `index.vector_field`, is short for one sparse field in `vectors`; beside `vectors` it is that of the first.
    """

    alias: str
    description: str = ""
    owner: Owner = "airflow"
    tags: tuple[Tag, ...] = ()
    schedule: Schedule | None = "@daily"
    kind: Literal["snapshot", "feed"] = "snapshot"
    connection: ConnectionId = "opensearch_default"
    store: Address
    store_is_shared: bool = False
    cluster_settings: Literal["check", "ensure"] = "check"
    source: SourceConfig
    encoder: EncoderConfig
    vectors: dict[FieldName, Annotated[VectorField, Field(discriminator="kind")]] = Field(default_factory=dict)
    index: IndexConfig = IndexConfig()
    query: QueryConfig = QueryConfig()
    limits: LimitsConfig = LimitsConfig()
    retention: RetentionConfig = RetentionConfig()

    @model_validator(mode="before")
    @classmethod
    def _has_a_first_field(cls, raw: Any) -> Any:
        return with_first_field(raw)

    @field_validator("alias")
    @classmethod
    def _alias_is_an_index_name(cls, alias: str) -> str:
        if not _ALIAS.match(alias) or "--" in alias:
            raise ValueError(
                "an alias has lower case letters, digits, '.', '_' and '-', begins with a letter or digit, "
                "is at most 100 long and has no '--' (that separates alias and build)"
            )
        return alias

    @model_validator(mode="after")
    def _settings_go_together(self) -> CorpusConfig:
        problems = clashes(type(self), self.model_dump(exclude_unset=True))
        if problems:
            raise ValueError("\n".join(problems))
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
    def has_secrets(self) -> bool:
        """Whether an address in it has a signed query or a login."""
        return CorpusConfig.model_validate(self.model_dump()) != self

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
