"""Receipts as the console reads them: of any version, torn, of any content; read once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from property_help import examples
from sparse_index.console import receipts as kept
from sparse_index.console.build import LettersView, Sort, build_view
from sparse_index.console.receipts import Found, Receipts, build_ids, read_once
from sparse_index.store.files import Store

BUILD = "20261101T000000-000000"
CONTENT: dict[str, Any] = {
    "summary": "'news' is on news--b1; this build was promoted. Nothing is untidy.",
    "outcome": "promoted",
    "live": "news--b1",
    "untidy": ["a model stays"],
    "failures": {"encode[3]": "The model refused."},
    "data_date": "2026-11-01",
    "run_id": "manual__1",
    "ended_at": "2026-11-01T00:01:40+00:00",
    "planned": {"documents": 10, "new": 2, "reused": 8},
    "books": {"documents": 9, "reused": 7, "dead_letters": 1, "rows_read": 10, "empty": {"v": 0}},
    "encode": {"parts": 1, "encoded": 30, "seconds": 2.0, "predict_calls": 4},
    "gate": {"checks": [{"name": "count", "verdict": "pass", "value": 1, "limit": 2.5, "words": "fine"}]},
    "stage_seconds": {"scan": 1.5, "encode": 2.0},
    "letters": [{"stage": "index", "error_class": "Mapping", "reason": "no date", "letters": 3}],
    "wall_seconds": 12.5,
    "waited_seconds": 0.0,
    "bytes": {"candidate": 1000, "store": 20, "vectors": 3},
    "model": {"name": "splade", "version": "1", "id": "m1", "nodes": 1},
}
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def path_of(build_id: str) -> str:
    return f"news/builds/{build_id}/receipt.json"


def test_a_whole_receipt_is_shown_whole() -> None:
    view = build_view(BUILD, Found(CONTENT))
    assert (view.sort, view.documents, view.texts_encoded, view.vectors_found) == (Sort.PROMOTED, 9, 30, 7)
    assert (view.dead_letters, view.encode_rate, view.wall_s) == (1, 15.0, 12.5)
    assert view.bytes.candidate == 1000
    assert view.letters == (LettersView("index", "Mapping", "no date", 3),)
    assert [model.name for model in view.models] == ["splade"]
    assert view.verdict == "pass"
    assert view.failures == {"encode[3]": "The model refused."}


@examples(100)
@given(st.sets(st.sampled_from(sorted(CONTENT))))
def test_any_subset_of_fields_is_readable(names: set[str]) -> None:
    view = build_view(BUILD, Found({name: CONTENT[name] for name in names}))
    assert view.sort is (Sort.PROMOTED if "outcome" in names else Sort.UNREAD)
    assert (view.wall_s is None) == ("wall_seconds" not in names)


@examples(150)
@given(st.dictionaries(st.sampled_from(sorted(CONTENT)), ANYTHING))
def test_any_mischief_is_not_recorded_rather_than_an_error(content: dict[str, Any]) -> None:
    view = build_view(BUILD, Found(content))
    assert view.build_id == BUILD
    assert view.duration_s is None or view.duration_s == view.duration_s


@pytest.mark.parametrize(
    ("data", "said"),
    [(b'{"outcome": "promo', "torn"), (b"[1, 2]", "no receipt"), (b"", "torn"), (b"\xff\xfe", "torn")],
)
def test_a_bad_receipt_says_what_it_is(store: Store, data: bytes, said: str) -> None:
    store.write_bytes(path_of(BUILD), data)
    found = Receipts().of(store, "news", [BUILD])[0]
    assert said in str(found.problem)
    assert build_view(BUILD, found).sort is Sort.UNREAD


def test_of_a_later_version_what_is_known_is_shown(store: Store) -> None:
    store.write_json(path_of(BUILD), CONTENT | {"form": 99})
    found = Receipts().of(store, "news", [BUILD])[0]
    assert "later version" in str(found.problem)
    assert build_view(BUILD, found).documents == 9


def by_receipts(store: Store, path: str) -> Found:
    return Receipts().of(store, "news", [path.split("/")[-2]])[0]


@pytest.mark.parametrize("find", [by_receipts, read_once])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError("s3://key:secret@host/a says no"), "The store cannot be read: s3://key@host/a says no."),
        (ArithmeticError("s3://key:secret@host/a"), "This could not be shown (ArithmeticError)."),
    ],
)
def test_a_receipt_that_cannot_be_read_fails_alone_and_tells_no_secret(
    store: Store, monkeypatch: pytest.MonkeyPatch, find: Callable[[Store, str], Found], error: Exception, said: str
) -> None:
    def refuse(_: str) -> bytes:
        raise error

    store.write_json(path_of(BUILD), CONTENT)
    monkeypatch.setattr(store, "read_bytes", refuse)
    found = find(store, path_of(BUILD))
    assert (found.content, str(found.problem)[: len(said)]) == (None, said)


def test_no_receipt_is_an_open_build(store: Store) -> None:
    assert build_view(BUILD, Receipts().of(store, "news", [BUILD])[0]).sort is Sort.OPEN


def test_a_receipt_is_read_once_until_it_changes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = store.read_bytes
    monkeypatch.setattr(store, "read_bytes", lambda path: real((read.append(path), path)[1]))  # type: ignore[func-returns-value]
    store.write_json(path_of(BUILD), CONTENT)
    receipts = Receipts()
    for _ in range(3):
        receipts.of(store, "news", [BUILD])
    assert len(read) == 1
    store.write_json(path_of(BUILD), CONTENT | {"outcome": "failed"})
    assert build_view(BUILD, receipts.of(store, "news", [BUILD])[0]).sort is Sort.FAILED


def test_no_more_are_kept_than_the_bounds_allow(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_RECEIPTS", 5)
    ids = [f"202611{day:02}T000000-000000" for day in range(1, 10)]
    for build_id in ids:
        store.write_json(path_of(build_id), CONTENT)
    receipts = Receipts()
    assert len(receipts.of(store, "news", ids)) == 9
    assert len(receipts._kept) == 5
    assert receipts._bytes == sum(file.size_bytes for file, _ in receipts._kept.values())


def test_builds_are_the_folders_that_are_called_like_one(store: Store) -> None:
    for name in (BUILD, "20261102T000000-000000", "..", "20269999T000000-000000", "notes"):
        if name != "..":
            store.write_json(f"news/builds/{name}/plan.json", {})
    store.write_json("news/builds/stray.json", {})
    assert build_ids(store, "news") == ["20261102T000000-000000", BUILD]
    assert build_ids(store, "nowhere") == []
