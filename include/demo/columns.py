"""The typed columns beside the text, one schema and one row function a corpus."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pyarrow as pa

from demo.documents import Draft

Row = dict[str, Any]
_EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
_TEXT_FIELDS = [
    pa.field("id", pa.string(), nullable=False),
    pa.field("title", pa.string()),
    pa.field("body", pa.string()),
    pa.field("category", pa.string()),
]
_TIMESTAMP = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class CorpusColumns:
    """A corpus's Parquet schema, how to fill it, and which column an edit without a text change touches."""

    schema: pa.Schema
    fill: Callable[[Draft, Random], Row]
    changing_number: str


def make_row(columns: CorpusColumns, draft: Draft, rng: Random) -> Row:
    """One complete row: the text of the draft and the typed columns."""
    text = {"id": draft.id, "title": draft.title, "body": draft.body, "category": draft.category}
    return text | columns.fill(draft, rng)


def _moment(rng: Random) -> datetime:
    return _EPOCH + timedelta(seconds=rng.randrange(365 * 24 * 3600))


def _day(rng: Random, first_year: int = 2015, years: int = 10) -> date:
    return date(first_year, 1, 1) + timedelta(days=rng.randrange(365 * years))


def _tags(draft: Draft, rng: Random, extras: tuple[str, ...]) -> list[str]:
    return sorted({draft.category.split()[0], *rng.sample(extras, rng.randrange(3))})


def _sometimes(share: float, value: Any, rng: Random) -> Any:
    return value if rng.random() < share else None


def _ticket(draft: Draft, rng: Random) -> Row:
    created = _moment(rng)
    return {
        "priority": rng.choice(("low", "normal", "high", "urgent")),
        "created_at": created,
        "resolved_at": _sometimes(0.6, created + timedelta(minutes=rng.randrange(20_000)), rng),
        "order_value": round(rng.uniform(5, 900), 2),
        "replies": rng.randrange(12),
        "satisfaction": _sometimes(0.4, rng.randrange(1, 6), rng),
        "tags": _tags(draft, rng, ("web", "phone", "vip", "repeat", "photo")),
    }


def _product(draft: Draft, rng: Random) -> Row:
    return {
        "brand": rng.choice(("Norvik", "Halden", "Tessaly", "Brightmoor", "Kestrel", "Lumo", "Oakline")),
        "price": round(rng.uniform(4, 1200), 2),
        "rating": _sometimes(0.8, round(rng.uniform(1, 5), 1), rng),
        "stock": rng.randrange(500),
        "released_on": _day(rng),
        "updated_at": _moment(rng),
        "tags": _tags(draft, rng, ("new", "bestseller", "clearance", "bundle")),
    }


def _clause(draft: Draft, rng: Random) -> Row:
    effective = _day(rng)
    return {
        "contract": f"C-{rng.randrange(10_000):04d}",
        "jurisdiction": rng.choice(("England and Wales", "Ireland", "New York", "Ontario", "Singapore")),
        "section": rng.randrange(1, 40),
        "effective_on": effective,
        "expires_on": _sometimes(0.7, effective + timedelta(days=rng.randrange(300, 4000)), rng),
        "amended_at": _moment(rng),
        "risk_score": round(rng.random(), 3),
        "tags": _tags(draft, rng, ("standard", "negotiated", "schedule", "template")),
    }


def _article(draft: Draft, rng: Random) -> Row:
    return {
        "author": _sometimes(0.85, rng.choice(("R. Okafor", "J. Lindqvist", "M. Ferrara", "S. Nakano")), rng),
        "section": rng.choice(("home", "world", "regional")),
        "published_at": _moment(rng),
        "event_on": _day(rng, 2024, 2),
        "words": len(draft.body.split()),
        "reads": rng.randrange(200_000),
        "tags": _tags(draft, rng, ("live", "analysis", "video", "picture story")),
    }


_TAGS = pa.field("tags", pa.list_(pa.field("element", pa.string())))


def _schema(**fields: pa.DataType) -> pa.Schema:
    return pa.schema([*_TEXT_FIELDS, *(pa.field(name, type_) for name, type_ in fields.items()), _TAGS])


CORPUS_COLUMNS: Mapping[str, CorpusColumns] = {
    "tickets": CorpusColumns(
        _schema(
            priority=pa.string(),
            created_at=_TIMESTAMP,
            resolved_at=_TIMESTAMP,
            order_value=pa.float64(),
            replies=pa.int32(),
            satisfaction=pa.int8(),
        ),
        _ticket,
        "replies",
    ),
    "products": CorpusColumns(
        _schema(
            brand=pa.string(),
            price=pa.float64(),
            rating=pa.float32(),
            stock=pa.int32(),
            released_on=pa.date32(),
            updated_at=_TIMESTAMP,
        ),
        _product,
        "stock",
    ),
    "legal": CorpusColumns(
        _schema(
            contract=pa.string(),
            jurisdiction=pa.string(),
            section=pa.int16(),
            effective_on=pa.date32(),
            expires_on=pa.date32(),
            amended_at=_TIMESTAMP,
            risk_score=pa.float64(),
        ),
        _clause,
        "section",
    ),
    "news": CorpusColumns(
        _schema(
            author=pa.string(),
            section=pa.string(),
            published_at=_TIMESTAMP,
            event_on=pa.date32(),
            words=pa.int32(),
            reads=pa.int64(),
        ),
        _article,
        "reads",
    ),
}
