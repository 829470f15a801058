"""The plan: everything later stages need, frozen at plan time and kept as JSON in the store."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from pydantic import Field

from sparse_index.builds.request import Mode, RunRequest
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.vectors import VectorField
from sparse_index.errors import BuildError
from sparse_index.forms import Form
from sparse_index.names import candidate_name, group_name, write_alias
from sparse_index.store.files import Store
from sparse_index.store.layout import PLAN_FILE, build_folder, builds_folder, plan_path
from sparse_index.values import Frozen

log = logging.getLogger(__name__)


class BuildKind(StrEnum):
    """What the plan decided: a new index, a clone with the difference, or nothing at all."""

    FULL = "full"
    DELTA = "delta"
    NOTHING = "nothing"


class Part(Frozen):
    """An even share of the work: the unit of one mapped encode or index task. `path` is a path in the store. An encode part has
    the texts of all vector fields, and says of each for which; `field`: of one that a former version planned, the vector field
    of all its texts."""

    number: int
    path: str
    items: int
    field: str | None = None


class Texts(NamedTuple):
    """How many, and how many characters their models read of all of them together (None: nobody counted)."""

    number: int
    chars: int | None


class FieldCounts(Frozen):
    """Of one vector field: documents whose vector this build makes or finds in the store, distinct texts to encode, and how many
    characters its model reads of those (0: of a former version's plan)."""

    encoded: int
    reused: int
    texts_to_encode: int
    chars_to_encode: int = 0


class TextLengths(Frozen):
    """Of one vector field: how many `documents` had the tokens of their text counted, the `tokens` of those, how many of them are
    `truncated` because the model reads less, and the `tokens_lost` thereby. `passages`: of all, where texts are divided."""

    documents: int
    tokens: int
    truncated: int
    tokens_lost: int
    passages: int = 0


class Counts(Frozen):
    """The change set in numbers of rows; `rows_read` is the sum of the lines that P1 names.

    `encoded`: documents whose vector this build makes; `reused`: whose vector is in the store already (also documents
    whose fields alone changed); `tombstones`: rows of a feed that delete; `texts_to_encode` counts distinct texts,
    `chars_to_encode` what their models read of them. A full build of a feed reads the kept documents of earlier days again:
    they are in `rows_read`.

    With several vector fields a document is `encoded` when one of its vectors is made, texts and characters are sums over the
    fields, and `fields` says each one's share. `empty`: by vector field, documents that go without a vector, because that of
    their text in the store is an empty one; what is encoded only now is not known yet. `lengths`: of the fields whose tokens
    were counted.
    """

    rows_read: int = 0
    new: int = 0
    text_changed: int = 0
    fields_changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    encoded: int = 0
    reused: int = 0
    blank: int = 0
    duplicate_ids: int = 0
    superseded: int = 0
    tombstones: int = 0
    dead_letters: int = 0
    over_long: int = 0
    texts_to_encode: int = 0
    chars_to_encode: int = 0
    documents: int = 0
    empty: dict[str, int] = Field(default_factory=dict)
    fields: dict[str, FieldCounts] = Field(default_factory=dict)
    lengths: dict[str, TextLengths] = Field(default_factory=dict)


class Estimate(Frozen):
    """Seconds from the plan to the receipt (of former versions: of encoding and indexing alone), and between which they may well
    be. `because`: what it was made from, in words."""

    seconds: float
    low: float
    high: float
    because: str


class Plan(Frozen):
    """One planning attempt for one alias.

    `fingerprint`: of the encoder of the first vector field; `fingerprints`: of every field's, by its name (empty in plans of
    former versions, which had one).

    `live_index` is what the alias pointed to at plan time (None: no alias yet), `promotes` False for limited runs. `notes`: what
    a person should know beside the numbers. `scans`: the manifests of the corpus it compared. `newest_day`: of a feed, the newest
    partition that the index then has seen. `schema_path`: where in the store the types of its columns are, `mapping`: of the
    index; both None in plans of former versions. `source_version`: of a table, the version that is read. `search_pipeline`: the
    default of its index, put by serving; None where its searches need none. `disk_bytes` (of the cluster) and `seconds` (of
    `estimate`) are estimates; None: unknown, of the time because of `no_estimate`.
    """

    build_id: str
    request: RunRequest
    config: CorpusConfig
    kind: BuildKind
    reasons: list[str]
    created_at: datetime
    fingerprint: str
    live_index: str | None
    live_build_id: str | None
    counts: Counts
    manifest: str
    encode_parts: list[Part]
    index_parts: list[Part]
    promotes: bool
    scans: list[str] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    fingerprints: dict[str, str] = Field(default_factory=dict)
    schema_path: str | None = None
    source_version: str | None = None
    mapping: dict[str, Any] | None = None
    newest_day: date | None = None
    search_pipeline: str | None = None
    disk_bytes: int | None = None
    seconds: float | None = None
    estimate: Estimate | None = None
    no_estimate: str = ""

    def with_secrets_of(self, config: CorpusConfig) -> Plan:
        """This plan, read back from the store, with the secrets that the corpus file has: the store holds none."""
        return self.model_copy(update={"config": self.config.with_secrets_of(config)})

    def fingerprint_of(self, field: str) -> str:
        """Of the encoder of a vector field."""
        return self.fingerprints.get(field, self.fingerprint)

    @property
    def fields_to_encode(self) -> dict[str, str]:
        """The encoders that have texts to encode: fingerprint -> the first vector field that has it."""
        texts = {name: self.counts.fields.get(name, self.counts).texts_to_encode for name in self.config.vector_fields}
        found: dict[str, str] = {}
        for name in (name for name, count in texts.items() if count and self.encode_parts):
            found.setdefault(self.fingerprint_of(name), name)
        return found

    @property
    def encoders(self) -> dict[str, VectorField]:
        """The same, with the vector field itself."""
        return {fingerprint: self.config.vector_fields[name] for fingerprint, name in self.fields_to_encode.items()}

    @property
    def writes(self) -> int:
        """Documents that the candidate gets or loses."""
        counts = self.counts
        if self.kind is BuildKind.FULL:
            return counts.documents
        return counts.new + counts.text_changed + counts.fields_changed + counts.deleted

    @property
    def texts_by_encoder(self) -> dict[str, tuple[str, Texts]]:
        """Of those that have texts to encode: fingerprint -> the first vector field that it is for, and the texts."""
        found: dict[str, tuple[str, Texts]] = {}
        for name in self.config.vector_fields:
            counts = self.counts.fields.get(name, self.counts)
            field, (number, chars) = found.get(self.fingerprint_of(name), (name, Texts(0, 0)))
            due = Texts(number + counts.texts_to_encode, (chars or 0) + counts.chars_to_encode)
            found[self.fingerprint_of(name)] = (field, due)
        return {fingerprint: each for fingerprint, each in found.items() if each[1].number}

    @property
    def data_date(self) -> date:
        """Of the index: a feed's stays at the newest day when an older partition lands."""
        return self.newest_day or self.request.data_date

    @property
    def partition(self) -> date | None:
        """The day of a feed that this build reads; a snapshot has none."""
        return self.request.data_date if self.config.kind == "feed" else None

    @property
    def alias(self) -> str:
        return self.config.alias

    @property
    def candidate(self) -> str:
        return candidate_name(self.alias, self.build_id)

    @property
    def write_alias(self) -> str:
        return write_alias(self.candidate)

    @property
    def group(self) -> str:
        return group_name(self.alias, self.build_id)

    @property
    def folder(self) -> str:
        return build_folder(self.alias, self.build_id)

    @property
    def makes_candidate(self) -> bool:
        """Whether the build is carried out: something changed, and not only a plan was asked for."""
        return self.kind is not BuildKind.NOTHING and self.request.mode is not Mode.PLAN_ONLY

    @property
    def outcome_when_idle(self) -> Literal["plan_only", "nothing_changed"]:
        return "plan_only" if self.request.mode is Mode.PLAN_ONLY else "nothing_changed"


PLAN = Form(Plan, "a plan", "Trigger a new run, or finish the build with the version that planned it.")


def save_plan(store: Store, plan: Plan) -> str:
    """Write the plan into the store; gives its path there."""
    path = plan_path(plan.alias, plan.build_id)
    PLAN.save(store, path, plan)
    return path


def load_plan(store: Store, path: str) -> Plan:
    """BuildError when another version wrote it in a way that this one cannot read."""
    return PLAN.load(store, path)


def saved_plans(store: Store, alias: str) -> Iterator[tuple[str, Plan | None]]:
    """(Build id, plan) of every build that was planned, newest first; None: `load_plan` cannot read it."""
    for path in reversed(store.files(builds_folder(alias), f"/{PLAN_FILE}")):
        try:
            plan = load_plan(store, path)
        except FileNotFoundError:  # the janitor has just deleted that build's files
            continue
        except BuildError as error:
            log.warning("%s", error)
            plan = None
        yield path.split("/")[-2], plan


def planning_run(store: Store, alias: str, build_id: str) -> str | None:
    """The id of the run that planned the build, whatever version wrote the plan; None where there is none."""
    try:
        return str(store.read_json(plan_path(alias, build_id))["request"]["run_id"])
    except (FileNotFoundError, NotADirectoryError, KeyError, TypeError, ValueError):
        return None
