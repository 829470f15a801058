"""How often a page asks the store, and that pages which wait keep nobody else waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from console_place import Place, Visit
from counting_store import CountingStore
from sparse_index.builds.dead_letters import SCHEMA
from sparse_index.cluster.client import Cluster
from sparse_index.errors import UnavailableError

BUILD = "20261101T000000-000000"
RECORDS = 15
MOST_READS = 5
PAGES = 10


@pytest.fixture
def counted(place: Place, monkeypatch: pytest.MonkeyPatch) -> CountingStore:
    place.write(BUILD, {"outcome": "promoted", "summary": "fine"})
    store = CountingStore(str(place.folder / "news"))
    for part in range(20):
        store.write_table(f"news/builds/{BUILD}/dead_letters/index-{part:05}.parquet", SCHEMA.empty_table())
    store.write_json(f"news/builds/{BUILD}/plan.json", {"request": {"run_id": "r1"}, "counts": {"new": 4}})
    for number in range(RECORDS):
        store.write_json(f"news/rollbacks/2026{number:04}.json", {"summary": f"rollback {number}"})
        store.write_json(f"news/redrives/2026{number:04}-x.json", {"summary": f"redrive {number}"})
    monkeypatch.setattr(Place, "open_store", lambda *_: store)
    return store


@pytest.mark.parametrize("path", [f"/corpora/news/builds/{BUILD}", "/corpora/news/generations"])
def test_a_build_and_the_generations_ask_the_store_five_times_at_most(
    counted: CountingStore, visit: Visit, path: str
) -> None:
    assert visit(path).status_code == 200
    asked = counted.taken()
    assert 0 < sum(asked.values()) <= MOST_READS, asked
    assert "listing" not in asked


def test_the_records_that_are_not_shown_are_counted(counted: CountingStore, visit: Visit) -> None:
    html = visit("/corpora/news/generations").text
    assert [f"{what} {RECORDS - 1}" in html for what in ("rollback", "redrive")] == [True, True]
    assert f"{2 * RECORDS - 3} older ones" in html


def test_health_answers_while_ten_pages_wait_for_a_cluster(
    place: Place, app: FastAPI, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from opensearch_ml.console.blocks import SideBySide

    answers = threading.Event()

    @contextmanager
    def slow(_: str) -> Iterator[Cluster]:
        assert answers.wait(60)
        raise UnavailableError("The cluster does not answer.")
        yield

    monkeypatch.setattr(Place, "open_cluster", lambda _, connection: slow(connection))
    app.state.console = replace(app.state.console, side_by_side=SideBySide(deadline_s=300.0))
    asyncio.run(_health_comes_first(app, tokens["viewer"], answers))


async def _health_comes_first(app: FastAPI, token: str, answers: threading.Event) -> None:
    """The cluster answers only after health has: were a page to hold the loop, neither would come."""
    whole = FastAPI()
    whole.mount("/sparse-index", app)
    whole.add_api_route("/health", lambda: {"status": "healthy"})
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=whole), base_url="http://airflow") as client:
        pages = [asyncio.create_task(client.get("/sparse-index/corpora/news", headers=headers)) for _ in range(PAGES)]
        await asyncio.sleep(0)
        try:
            assert (await client.get("/health")).status_code == 200
            assert not any(page.done() for page in pages)
        finally:
            answers.set()
        assert [page.status_code for page in await asyncio.gather(*pages)] == [200] * PAGES
