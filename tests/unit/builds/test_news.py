"""What a promotion tells those who work on with the index."""

from __future__ import annotations

import json
from pathlib import Path

from build_plans import corpus_config, make_plan
from sparse_index.builds.news import promotion_news
from sparse_index.builds.plan import Counts
from sparse_index.builds.reports import BOOKS, Books, books_path
from sparse_index.store.files import Store

COUNTS = Counts(rows_read=9, new=2, text_changed=1, fields_changed=3, deleted=4, encoded=3, reused=3, documents=5)


def test_the_closed_books_count_not_the_plan(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    plan = make_plan(corpus_config("tickets", store.root_uri), counts=COUNTS, live_index="tickets--b0")
    books = Books(
        rows_read=9,
        unchanged=3,
        encoded=2,
        reused=3,
        blank=0,
        duplicate_ids=0,
        superseded=0,
        dead_letters=1,
        deleted=4,
        documents=4,
        health="green",
    )
    BOOKS.save(store, books_path(plan), books)
    news = promotion_news(store, plan)
    assert news == {
        "build_id": plan.build_id,
        "index": plan.candidate,
        "former": "tickets--b0",
        "data_date": "2025-03-01",
        "partition": None,
        "documents": 4,
        "new": 2,
        "changed": 4,
        "deleted": 4,
        "encoded": 2,
        "reused": 3,
        "receipt": store.full(f"{plan.folder}/receipt.json"),
    }
    assert json.loads(json.dumps(news)) == news


def test_the_receipts_address_has_no_secret() -> None:
    store = Store("memory://store")
    store.root_uri = "https://me:hush@host/store?token=hush"
    plan = make_plan(corpus_config("tickets"), counts=COUNTS)
    assert "hush" not in str(promotion_news(store, plan))
