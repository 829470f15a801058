"""What is proposed for Parquet files that nobody has configured, and what is refused with what to pass."""

from __future__ import annotations

import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparse_index.errors import ConfigError, CorpusError
from sparse_index.proposal.look import look_at, values_of
from sparse_index.proposal.propose import Proposal, Wanted, propose
from sparse_index.proposal.words import words_in

TEXTS = [
    f"the {word} fridge makes a loud noise at night"
    for word in ("old", "new", "red", "blue", "green", "small", "big", "tall")
]
NUMBERS = list(range(len(TEXTS)))


def proposal_of(path: Path, **wanted: str) -> Proposal:
    look = look_at(str(path))
    return propose(look, Wanted(**wanted), partial(values_of, look))


def proposed(folder: Path, columns: dict[str, Any], **wanted: str) -> Proposal:
    pq.write_table(pa.table(columns), folder / "rows.parquet")
    return proposal_of(folder / "rows.parquet", **wanted)


def test_the_id_is_the_column_whose_name_says_so_among_those_whose_values_differ(tmp_path: Path) -> None:
    columns = {"number": NUMBERS, "customer_id": [1] * 8, "ticket_id": NUMBERS, "body": TEXTS}
    found = proposed(tmp_path, columns)
    assert found.id_column == "ticket_id"
    assert found.reasons[0] == "id: ticket_id: all 8 values differ, and its name says so"


def test_uniqueness_is_a_matter_of_all_rows_not_of_a_sample(tmp_path: Path) -> None:
    """The values of `id` differ in the whole sample; the last row of the last of many files repeats the first."""
    rows, files = 100, 20
    for number in range(files):
        ids = [f"t{number * rows + row}" for row in range(rows)]
        ids[-1] = "t0" if number == files - 1 else ids[-1]
        table = pa.table(
            {"id": ids, "code": [f"c{each}" for each in ids[:-1]] + [f"last{number}"], "body": [TEXTS[0]] * rows}
        )
        pq.write_table(table.append_column("n", pa.array(range(rows))), tmp_path / f"{number:03}.parquet")
    found = proposal_of(tmp_path, text="body")
    assert found.id_column == "code"
    with_said = proposal_of(tmp_path, text="body", id="id")
    assert with_said.reasons[0].startswith("id: id, as you said, but 1 rows repeat an id ('t0' comes 2 times)")


@pytest.mark.parametrize("ids", [[None, *NUMBERS[1:]], [0, 0, *NUMBERS[2:]], ["", *map(str, NUMBERS[1:])]])
def test_nulls_repeated_and_empty_ones_are_no_ids_and_the_error_says_what_to_pass(
    tmp_path: Path, ids: list[Any]
) -> None:
    with pytest.raises(ConfigError, match=r"No column of .* can be the id") as caught:
        proposed(tmp_path, {"id": ids, "body": TEXTS})
    assert "--id COLUMN" in str(caught.value)
    assert "\n  - id: " in str(caught.value)


def test_a_text_is_no_id_though_each_differs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="body: 9 words on average, which is a text"):
        proposed(tmp_path, {"body": TEXTS})


def test_row_numbers_of_pandas_come_last(tmp_path: Path) -> None:
    columns = {"__index_level_0__": NUMBERS, "body": TEXTS}
    assert "they move when rows do" in proposed(tmp_path, columns).reasons[0]
    assert proposed(tmp_path, {**columns, "isbn": [f"x{n}" for n in NUMBERS]}).id_column == "isbn"


def test_texts_are_what_has_words_in_the_order_of_the_columns(tmp_path: Path) -> None:
    columns = {
        "id": NUMBERS,
        "title": [f"loud fridge number {n}" for n in NUMBERS],
        "url": [f"https://shop.example/the/loud/fridge/{n}" for n in NUMBERS],
        "stock": ["in stock in all shops"] * 8,
        "body": TEXTS,
    }
    found = proposed(tmp_path, columns)
    assert found.text_template == "{title}. {body}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("冷蔵庫の音がうるさいです", 6),
        ("ตู้เย็นเสียงดัง", 7.5),
        ("Kühlschrank brummt nachts", 3),
        ("Холодильник шумит ночью", 3),
        ("2026-11-26 10:30", 0),
        ("東京 tower 2", 2),
        ("", 0),
    ],
)
def test_words_are_counted_in_any_script(text: str, words: float) -> None:
    assert words_in(text) == words


GERMAN = [f"der {word} Kühlschrank brummt in der Nacht, was soll man tun" for word in ("alte", "neue", "rote", "blaue")]


def test_english_texts_are_searched_by_the_stems_of_their_words(tmp_path: Path) -> None:
    """Their titles too, which have few of the words that say so."""
    columns = {"id": NUMBERS, "title": [f"Loud fridge number {n}" for n in NUMBERS], "body": TEXTS}
    found = proposed(tmp_path, columns)
    exact = {"keyword": {"type": "keyword", "ignore_above": 256}}
    declared = {"type": "text", "analyzer": "english", "fields": exact}
    assert found.fields == {"title": declared, "body": declared}
    assert "body: English: full-text search finds other forms of a word, too" in found.reasons
    other = proposed(tmp_path, {"id": NUMBERS, "title": columns["title"], "body": GERMAN * 2}, text="{title}. {body}")
    assert other.fields == {}


def test_no_text_is_an_error_that_says_why_of_each_column_and_what_to_pass(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="looks like a text") as caught:
        proposed(tmp_path, {"id": NUMBERS, "code": ["a1"] * 8, "tags": [["some words of a list"]] * 8})
    said = str(caught.value)
    assert "\n  - code: 1.0 words on average" in said
    assert "\n  - tags: it is list<" in said
    assert "--text '{title}. {body}'" in said


@pytest.mark.parametrize("text", ["code", "{code}", "{code}: {n}"])
def test_a_person_may_call_any_single_value_the_text(tmp_path: Path, text: str) -> None:
    found = proposed(tmp_path, {"id": NUMBERS, "code": ["a1"] * 8, "n": NUMBERS}, text=text)
    assert found.text_template == (text if "{" in text else "{code}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{titel}", "names 'titel', which is no column"),
        ("titel", "is no column of .*; name columns in braces"),
        ("{code", "'{' at character 1 names no column"),
        ("{tags}", "'tags', which is list<.*, no single value"),
    ],
)
def test_a_text_that_cannot_be_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        proposed(tmp_path, {"id": NUMBERS, "code": ["a1"] * 8, "tags": [["a"]] * 8}, text=text)


@pytest.mark.parametrize(("name", "message"), [("ix", "no column"), ("score", "it is double, and an id is text or")])
def test_an_id_that_cannot_be_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        proposed(tmp_path, {"id": NUMBERS, "body": TEXTS, "score": [0.5] * 8}, id=name)


def test_each_column_becomes_what_holds_it_or_is_left_out_with_the_reason(tmp_path: Path) -> None:
    noon = datetime.time(12)
    columns = {
        "id": NUMBERS,
        "body": TEXTS,
        "status": ["open"] * 8,
        "place": [{"city": "Ulm", "zip": 89073}] * 8,
        "stays": [[{"city": "Ulm"}]] * 8,
        "attributes": pa.array([[("colour", "red")]] * 8, pa.map_(pa.string(), pa.string())),
        "opens": [noon] * 8,
        "picture": [b"\x00"] * 8,
        "nothing": pa.nulls(8),
        "a.b": NUMBERS,
        "_id": NUMBERS,
        "text_sparse": NUMBERS,
        "${HOME}": NUMBERS,
    }
    found = proposed(tmp_path, columns, id="id")
    assert found.columns == ("id", "body", "status", "place", "stays", "attributes", "opens")
    assert {name: field["type"] for name, field in found.fields.items()} == {
        "body": "text",
        "status": "keyword",
        "place": "object",
        "stays": "object",
        "attributes": "flat_object",
        "opens": "keyword",
    }
    left_out = dict(reason.split(": left out: ") for reason in found.reasons if "left out" in reason)
    assert list(left_out) == ["picture", "nothing", "a.b", "_id", "text_sparse", "${HOME}"]
    assert "binary" in left_out["picture"]
    assert "no value in any file" in left_out["nothing"]
    assert "has a dot" in left_out["a.b"]


def test_a_column_of_two_types_is_left_out(tmp_path: Path) -> None:
    for number, value in enumerate(["x", 1]):
        row = {"id": number, "body": TEXTS[number], "mixed": value}
        pq.write_table(pa.Table.from_pylist([row]), tmp_path / f"{number}.parquet")
    found = proposal_of(tmp_path)
    assert found.columns == ("id", "body")
    assert "mixed: left out: its type is not the same in all files" in " ".join(found.reasons)


def test_partition_folders_are_columns_and_no_ids(tmp_path: Path) -> None:
    for day in (1, 2):
        (tmp_path / f"id={day}").mkdir()
        pq.write_table(pa.table({"nr": [day], "body": [TEXTS[day]]}), tmp_path / f"id={day}" / "f.parquet")
    found = proposal_of(tmp_path)
    assert (found.id_column, found.columns) == ("nr", ("nr", "body", "id"))
    with pytest.raises(ConfigError, match="the name of folders"):
        proposal_of(tmp_path, id="id")


def test_files_without_rows_and_names_that_come_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="has no rows"):
        proposed(tmp_path, {"id": pa.array([], pa.int64()), "body": pa.array([], pa.string())})
    pq.write_table(pa.table([NUMBERS, TEXTS], names=["a", "a"]), tmp_path / "rows.parquet")
    with pytest.raises(ConfigError, match="columns of the same name: a"):
        look_at(str(tmp_path))
    with pytest.raises(CorpusError, match="No Parquet file"):
        look_at(str(tmp_path / "nowhere"))
