"""What the finished parts and stages of a build say in the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from sparse_index.builds.check import Check, by_verdict
from sparse_index.builds.plan import Part, Plan
from sparse_index.forms import Form
from sparse_index.store.files import Store
from sparse_index.store.layout import GATE_REPORT_FILE

_REMEDY = "Trigger a new run, or finish the build with that version."


@dataclass(frozen=True)
class EncodeResult:
    """Distinct texts of one part. `encoded_before`: by an earlier attempt of this part (`reused` in the store, from when it was
    called so); `seconds` is this attempt's, `ended_at` its end (epoch seconds; None in reports of former versions)."""

    part: int
    encoded: int
    encoded_before: Annotated[int, Field(alias="reused")]
    dead_letters: int
    predict_calls: int
    seconds: float
    ended_at: float | None = None

    def __str__(self) -> str:
        rate = f", {self.encoded / self.seconds:,.0f} a second" if self.seconds > 0 else ""
        return (
            f"Part {self.part}: {self.encoded:,} texts encoded in {self.seconds:,.0f} s ({self.predict_calls:,} predict "
            f"calls{rate}), {self.encoded_before:,} were encoded by an earlier attempt, {self.dead_letters:,} refused."
        )


ENCODED = Form(EncodeResult, "the report of an encode part", _REMEDY)


def encode_report_path(plan: Plan, part: Part) -> str:
    return f"{plan.folder}/reports/encode-{part.number:05d}.json"


def encode_report(store: Store, plan: Plan, part: Part) -> EncodeResult | None:
    """What the finished part said; None while it is not finished."""
    return ENCODED.find(store, encode_report_path(plan, part))


@dataclass(frozen=True)
class UsedModel:
    """A model that encodes for a build. `version`: the corpus file's, of a model that was given the server's; `nodes`: how many
    have it deployed; `run_on`: `cluster`, these encode, or `worker`, the tasks themselves do."""

    name: str | None
    version: str | None
    id: str
    nodes: int
    run_on: str = "cluster"


@dataclass(frozen=True)
class EncoderReport:
    """What was found of the encoders before they were used. `models`: by the encoder's fingerprint; none in reports of former
    versions."""

    checks: list[Check]
    models: dict[str, UsedModel] = field(default_factory=dict)

    def __str__(self) -> str:
        used = ", ".join(f"{model.name} {model.version} on {model.nodes} node(s)" for model in self.models.values())
        return f"Nothing speaks against encoding with {used or 'these models'}: {len(self.checks)} checks."


PROVEN = Form(EncoderReport, "the proof of an encoder", _REMEDY)


def encoder_report_path(plan: Plan) -> str:
    return f"{plan.folder}/reports/encoder.json"


def encoder_report(store: Store, plan: Plan) -> EncoderReport | None:
    """What was found, well or not; None while nothing was looked at."""
    return PROVEN.find(store, encoder_report_path(plan))


@dataclass(frozen=True)
class IndexResult:
    """Documents of one part; `bytes` were sent to the cluster, repetitions included; `seconds` is wall time, `ended_at` its
    end as in `EncodeResult`. `empty`: by vector field, how many of the indexed ones go without a vector because their text has
    an empty one."""

    part: int
    indexed: int
    deleted: int
    dead_letters: int
    bytes: int
    seconds: float
    empty: dict[str, int] = field(default_factory=dict)
    ended_at: float | None = None

    @property
    def items(self) -> int:
        return self.indexed + self.deleted + self.dead_letters

    def __str__(self) -> str:
        without = f", {sum(self.empty.values()):,} of them with an empty vector," if self.empty else ""
        return (
            f"Part {self.part}: {self.indexed:,} documents written{without} and {self.deleted:,} deleted in "
            f"{self.seconds:,.0f} s ({self.bytes / 1e6:,.1f} MB sent), {self.dead_letters:,} refused."
        )


INDEXED = Form(IndexResult, "the report of an index part", _REMEDY)


def index_report_path(plan: Plan, part: Part) -> str:
    return f"{plan.folder}/reports/index-{part.number:05d}.json"


def index_report(store: Store, plan: Plan, part: Part) -> IndexResult | None:
    """What the finished part said; None while it is not finished."""
    return INDEXED.find(store, index_report_path(plan, part))


@dataclass(frozen=True, kw_only=True)
class Books:
    """The lines of promise P1 after the build, in rows of the corpus, and what the candidate holds.

    `rows_read` = `unchanged` + `encoded` + `reused` + `blank` + `duplicate_ids` + `superseded` + `tombstones` +
    `dead_letters`; superseded rows and tombstones are a feed's. `empty`: by vector field, documents written by this build
    that go without a vector, because their text has an empty one.
    """

    rows_read: int
    unchanged: int
    encoded: int
    reused: int
    blank: int
    duplicate_ids: int
    superseded: int
    tombstones: int = 0
    dead_letters: int
    deleted: int
    documents: int
    health: str
    empty: dict[str, int] = field(default_factory=dict)

    @property
    def lines(self) -> dict[str, int]:
        """What became of the rows."""
        return {
            "unchanged": self.unchanged,
            "encoded": self.encoded,
            "reused": self.reused,
            "blank": self.blank,
            "duplicate ids": self.duplicate_ids,
            "superseded": self.superseded,
            "tombstones": self.tombstones,
            "dead letters": self.dead_letters,
        }

    @property
    def explained(self) -> int:
        return sum(self.lines.values())

    def __str__(self) -> str:
        lines = " + ".join(f"{rows:,} {name}" for name, rows in self.lines.items() if rows) or "0"
        return (
            f"The books close: {self.rows_read:,} rows read = {lines}. The candidate holds {self.documents:,} documents "
            f"({self.deleted:,} deleted) and is {self.health}."
        )


BOOKS = Form(Books, "the books of a build", _REMEDY)


def books_report(store: Store, plan: Plan) -> Books | None:
    """The books that reconcile closed; None while it has not."""
    return BOOKS.find(store, books_path(plan))


def books_path(plan: Plan) -> str:
    return f"{plan.folder}/reports/books.json"


@dataclass(frozen=True)
class MovedQuery:
    """A golden query that the live index and the candidate answer otherwise. `alike`: how much the first ten of both are, 0 to 1;
    `ndcg`: nDCG@10 of the candidate minus that of the live index, None of one that nobody judged. `filters`: in words."""

    id: str
    text: str
    alike: float
    ndcg: float | None
    filters: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GateReport:
    """`tokens_*`: per document, over the `sampled` documents that have a vector; `blank`: sampled ones without text; `moved`: the
    least alike first. `checks` and `moved`: none in reports of former versions."""

    documents: int
    live_documents: int | None
    sampled: int
    blank: int = 0
    tokens_min: int
    tokens_median: float
    tokens_max: int
    checks: list[Check] = field(default_factory=list)
    moved: list[MovedQuery] = field(default_factory=list)

    def __str__(self) -> str:
        """How the checks ended, of one that refuses nothing."""
        verdicts = ", ".join(f"{len(names)} {verdict}" for verdict, names in sorted(by_verdict(self.checks).items()))
        beside = (
            "beside no live index" if self.live_documents is None else f"the live index has {self.live_documents:,}"
        )
        return f"The gate refuses nothing of {self.documents:,} documents ({beside}): {verdicts}."


GATE = Form(GateReport, "the report of a gate", _REMEDY)


def gate_report(store: Store, plan: Plan) -> GateReport | None:
    """What the gate saw when it let the candidate through; None while it has not."""
    return GATE.find(store, gate_report_path(plan))


def gate_report_path(plan: Plan) -> str:
    return f"{plan.folder}/{GATE_REPORT_FILE}"
