"""What a month has worked and what is kept: counted from receipts, whatever they say."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from counting_store import CountingStore
from fake_opensearch import fake_cluster
from sparse_index.console.costs import Costs, Files, Work, Works, files_of, index_bytes, total, work_of
from sparse_index.console.costs_table import columns, passed, spreadsheet
from sparse_index.console.listed import Listed
from sparse_index.console.prices import EXAMPLE, VARIABLE, Prices, prices_in
from sparse_index.console.receipts import Receipts
from sparse_index.console.spreadsheet import as_csv
from sparse_index.errors import ConfigError
from sparse_index.store.files import Store

NOVEMBER = date(2026, 11, 1)
PRINT = "0123456789abcdef"
NEWS, TICKETS = (Listed(name, f"sparse_index__{name}", name, "", "opensearch_default") for name in ("news", "tickets"))


def receipt(**more: Any) -> dict[str, Any]:
    return {
        "outcome": "promoted",
        "fingerprint": PRINT,
        "model": {"name": "m", "id": "1", "nodes": 2},
        "encode": {"encoded": 100, "predict_calls": 10, "seconds": 30.0},
        "books": {"reused": 40, "unchanged": 500},
        "index": {"bytes": 7_000},
        "wall_seconds": 60.0,
    } | more


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def write(store: Store, build_id: str, content: Any, alias: str = "news") -> None:
    store.write_json(f"{alias}/builds/{build_id}/receipt.json", content)


def work(store: Store) -> Work:
    return work_of(NEWS, store, Works(), NOVEMBER)


def test_the_builds_of_a_month_are_added_up(store: Store) -> None:
    write(store, "20261031T235959-000000", receipt())
    write(store, "20261101T000000-000000", receipt())
    write(store, "20261130T235959-000000", receipt())
    write(store, "20261201T000000-000000", receipt())
    assert work(store) == Work(2, 0, 200, 280, 20, 120.0, 14_000)


def worked(store: Store, **more: Any) -> Work:
    write(store, "20261101T000000-000000", receipt(wall_seconds=36_000.0, **more))
    return work(store)


def test_tasks_that_encode_at_once_cost_their_nodes_once(store: Store) -> None:
    """Four parts of an hour, on two nodes."""
    assert worked(store, encode={"seconds": 14_400.0, "wall_seconds": 3_600.0}).ml_node_s == 7_200.0


def test_texts_that_a_killed_attempt_stored_were_encoded_by_its_build(store: Store) -> None:
    found = worked(store, encode={"encoded": 100, "reused": 900, "seconds": 1.0})
    assert (found.texts_encoded, found.without_store) == (1_000, 1_040)


def test_the_nodes_of_a_second_field_count_where_it_alone_had_texts(store: Store) -> None:
    second = {"f2": {"name": "b", "nodes": 3}}
    assert worked(store, model=None, models=second).ml_node_s == 90.0
    assert worked(store, models={"f1": {"name": "a", "nodes": 2}} | second).ml_node_s == 90.0


def test_tasks_that_encode_themselves_use_no_node(store: Store) -> None:
    own = {"name": "a", "nodes": 2, "run_on": "worker"}
    assert worked(store, model=own).ml_node_s == 0.0
    assert worked(store, models={"f1": own, "f2": {"name": "b", "nodes": 1}}).ml_node_s == 30.0


def test_nodes_are_not_paid_for_longer_than_the_run_took(store: Store) -> None:
    """Four tasks of 30 s in a run of 40 s: at most two nodes for 40 s."""
    write(store, "20261101T000000-000000", receipt(encode={"seconds": 120.0}, wall_seconds=40.0))
    assert work(store) == Work(1, 0, 0, 40, 0, 80.0, 7_000)


@pytest.mark.parametrize(
    "content", [{}, [], "text", {"outcome": 7}, {"outcome": "promoted", "encode": [], "books": "x"}]
)
def test_a_receipt_of_any_kind_counts_as_a_build(store: Store, content: Any) -> None:
    write(store, "20261101T000000-000000", content)
    found = work(store)
    assert (found.builds, found.texts_encoded, found.ml_node_s) == (1, 0, 0.0)


def test_a_build_without_a_receipt_and_a_torn_one_are_told(store: Store) -> None:
    store.write_bytes("news/builds/20261101T000000-000000/plan.json", b"{}")
    store.write_bytes("news/builds/20261102T000000-000000/receipt.json", b'{"outc')
    assert work(store) == Work(2, 2)


def test_a_plan_alone_found_no_vectors_that_saved_anything(store: Store) -> None:
    write(store, "20261101T000000-000000", receipt(outcome="plan_only", books=None, encode=None, planned={"reused": 9}))
    assert work(store) == Work(1, 0, 0, 0, 0, 0.0, 7_000)


def test_shared_vectors_stand_in_each_line_and_once_in_the_sum(store: Store) -> None:
    for alias in ("news", "tickets"):
        write(store, "20261001T000000-000000", receipt(), alias)
    store.write_bytes(f"vectors/{PRINT}/a.parquet", b"x" * 1_000)
    both = [Costs(each.corpus, files=files_of(each, store, Receipts())) for each in (NEWS, TICKETS)]
    own = [each.files.own for each in both if each.files]
    assert [each.store_bytes for each in both] == [size + 1_000 for size in own]
    assert total(both).store_bytes == sum(own) + 1_000


def test_no_path_is_made_of_what_is_no_fingerprint(store: Store) -> None:
    write(store, "20261101T000000-000000", receipt(fingerprint="../..", fingerprints={"a": "../../etc"}))
    assert files_of(NEWS, store, Receipts()).vectors == {}


def test_the_builds_of_a_month_are_read_once(tmp_path: Path) -> None:
    """However many they are; one that failed may be cleared, and is read again."""
    counted, works, builds = CountingStore(str(tmp_path)), Works(), 20
    for number in range(builds):
        write(counted, f"20261101T0000{number:02}-000000", receipt())
    write(counted, "20261102T000000-000000", receipt(outcome="failed"))
    first = work_of(NEWS, counted, works, NOVEMBER)
    assert counted.taken() == {"folders": 1, "read": builds + 1}
    assert work_of(NEWS, counted, works, NOVEMBER) == first
    assert counted.taken() == {"folders": 1, "read": 1}


def test_what_is_not_known_is_in_no_sum() -> None:
    assert total([Costs("news", Work(3)), Costs("tickets", problems=("no such file system",))]).work == Work(3)


def test_indices_are_those_of_each_alias_with_replicas() -> None:
    def answer(method: str, path: str, _: Any) -> Any:
        assert (method, path) == ("GET", "/news--b*,tickets--b*/_stats/store")
        sizes = {"news--b20261101t000000-000000": 5, "news--b20261102t000000-000000": 7, "news--other": 100}
        return {"indices": {name: {"total": {"store": {"size_in_bytes": size}}} for name, size in sizes.items()}}

    assert index_bytes(fake_cluster(answer), ["news", "tickets"]).found == {"news": 12, "tickets": 0}


def test_money_follows_hours_and_the_part_of_the_month_that_has_passed() -> None:
    prices = Prices(currency="EUR", ml_node_hour=2.0, index_gb_month=3.0, store_gb_month=1.0)
    one = Costs("news", Work(ml_node_s=1_800.0), Files(1_000_000_000, {"v": 1_000_000_000}), 2_000_000_000)
    by_key = {column.key: column.of(one) for column in columns(prices, 0.5)}
    assert (by_key["encoding_EUR"], by_key["keeping_EUR"], by_key["both_EUR"]) == (1.0, 4.0, 5.0)
    unknown = {column.key: column.of(Costs("news", Work())) for column in columns(prices, 0.5)}
    assert (unknown["encoding_EUR"], unknown["keeping_EUR"], unknown["both_EUR"]) == (0.0, None, None)
    assert [column.key for column in columns(prices, 0.0)][-1] == "encoding_EUR"


def test_half_a_month() -> None:
    assert passed(NOVEMBER, datetime(2026, 11, 16, tzinfo=UTC)) == 0.5
    assert passed(NOVEMBER, datetime(2026, 12, 16, tzinfo=UTC)) == 0.0


def test_shares_of_nothing_are_none() -> None:
    column = columns(None, 0.0)[2]
    assert column.share(Costs("a", Work(texts_encoded=1)), Costs("all", Work(texts_encoded=4))) == 25.0
    assert column.share(Costs("a", Work()), Costs("all", Work())) is None


def test_a_cell_is_no_formula() -> None:
    table = columns(None, 0.0)
    rows = list(
        csv.reader(io.StringIO(as_csv(spreadsheet(table, NOVEMBER, [Costs("=1+1", None, problems=("@x", "y"))]))))
    )
    assert rows[0][:3] == ["month", "corpus", "builds"]
    assert rows[1] == ["2026-11", "'=1+1", *[""] * len(table), "'@x y"]
    assert as_csv([[-1, "-1"]]) == "-1,'-1\r\n"


def test_prices_are_read_or_said_to_be_wrong() -> None:
    assert prices_in({}) is None
    prices = prices_in({VARIABLE: EXAMPLE})
    assert prices is not None
    assert prices.currency == "EUR"
    for wrong in ("cheap", "[]", EXAMPLE.replace("0.40", "-1"), EXAMPLE.replace("ml_node_hour", "hour")):
        with pytest.raises(ConfigError, match=VARIABLE):
            prices_in({VARIABLE: wrong})
