"""What the finished parts and stages of a build say in the store."""

from __future__ import annotations

from dataclasses import dataclass

from sparse_index.builds.plan import Part, Plan
from sparse_index.forms import Form
from sparse_index.store.files import Store

_REMEDY = "Trigger a new run, or finish the build with that version."


@dataclass(frozen=True)
class EncodeResult:
    """Distinct texts of one part. `reused`: encoded by an earlier attempt of this part; `seconds` is this attempt's."""

    part: int
    encoded: int
    reused: int
    dead_letters: int
    predict_calls: int
    seconds: float


ENCODED = Form(EncodeResult, "the report of an encode part", _REMEDY)


def encode_report_path(plan: Plan, part: Part) -> str:
    return f"{plan.folder}/reports/encode-{part.number:05d}.json"


def encode_report(store: Store, plan: Plan, part: Part) -> EncodeResult | None:
    """What the finished part said; None while it is not finished."""
    return ENCODED.find(store, encode_report_path(plan, part))


@dataclass(frozen=True)
class IndexResult:
    """Documents of one part; `bytes` were sent to the cluster, repetitions included; `seconds` is wall time."""

    part: int
    indexed: int
    deleted: int
    dead_letters: int
    bytes: int
    seconds: float

    @property
    def items(self) -> int:
        return self.indexed + self.deleted + self.dead_letters


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
    `dead_letters`; superseded rows and tombstones are a feed's.
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

    @property
    def explained(self) -> int:
        lines = (self.unchanged, self.encoded, self.reused, self.blank, self.duplicate_ids, self.superseded)
        return sum(lines) + self.tombstones + self.dead_letters


BOOKS = Form(Books, "the books of a build", _REMEDY)


def books_report(store: Store, plan: Plan) -> Books | None:
    """The books that reconcile closed; None while it has not."""
    return BOOKS.find(store, books_path(plan))


def books_path(plan: Plan) -> str:
    return f"{plan.folder}/reports/books.json"


@dataclass(frozen=True, kw_only=True)
class GateReport:
    """`tokens_*`: per document, over the `sampled` documents that have a vector; `blank`: sampled ones without text."""

    documents: int
    live_documents: int | None
    sampled: int
    blank: int = 0
    tokens_min: int
    tokens_median: float
    tokens_max: int


GATE = Form(GateReport, "the report of a gate", _REMEDY)


def gate_report(store: Store, plan: Plan) -> GateReport | None:
    """What the gate saw when it let the candidate through; None while it has not."""
    return GATE.find(store, gate_report_path(plan))


def gate_report_path(plan: Plan) -> str:
    return f"{plan.folder}/reports/gate.json"
