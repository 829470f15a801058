"""Demo corpora: the same seed gives the same rows, whatever the range, and memory does not grow with the corpus."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo import generate
from demo.documents import write_document
from demo.generate import COMMITTED_ROWS, CorpusRequest, generate_corpus, split_into_files, write_parquet
from demo.judgements import corpus_path, judgements_path
from demo.scenes import CORPUS_NAMES, load_scene

TICKETS = CorpusRequest("tickets", rows=95, seed=5)


@pytest.mark.parametrize("corpus", CORPUS_NAMES)
def test_the_committed_corpus_is_what_the_generator_writes(corpus: str) -> None:
    request = CorpusRequest(corpus, COMMITTED_ROWS)
    committed = pq.read_table(corpus_path(corpus))
    assert committed.schema.equals(request.schema(), check_metadata=True)
    assert committed.equals(request.table(0, COMMITTED_ROWS))


@pytest.mark.parametrize("corpus", CORPUS_NAMES)
def test_ids_are_unique_and_no_text_is_blank(corpus: str) -> None:
    committed = pq.read_table(corpus_path(corpus))
    assert len(set(committed["id"].to_pylist())) == COMMITTED_ROWS
    assert all(text.strip() for column in ("title", "body") for text in committed[column].to_pylist())


@pytest.mark.parametrize("corpus", CORPUS_NAMES)
def test_columns_are_of_many_kinds(corpus: str) -> None:
    schema = CorpusRequest(corpus, 1).schema()
    kinds = {
        "string": pa.types.is_string,
        "moment": lambda t: pa.types.is_timestamp(t) and t.tz is not None,
        "list": pa.types.is_list,
        "integer": pa.types.is_integer,
    }
    for kind, matches in kinds.items():
        assert any(matches(field.type) for field in schema), f"{corpus} has no {kind} column"


@pytest.mark.parametrize("corpus", CORPUS_NAMES)
def test_some_column_has_nulls(corpus: str) -> None:
    assert any(column.null_count for column in pq.read_table(corpus_path(corpus)).columns)


def test_committed_files_are_small() -> None:
    files = [path for corpus in CORPUS_NAMES for path in corpus_path(corpus).parent.iterdir()]
    assert sum(path.stat().st_size for path in files) <= 3_000_000
    assert judgements_path("tickets") in files


def test_rows_do_not_depend_on_the_range_they_are_made_in() -> None:
    whole = TICKETS.table(0, 95)
    later = replace(TICKETS, rows=50, first_index=45)
    assert whole.slice(45).to_pylist() == later.table(0, 50).to_pylist()


def test_another_seed_gives_other_texts_under_the_same_ids() -> None:
    left, right = TICKETS.table(0, 20), replace(TICKETS, seed=6).table(0, 20)
    assert left["id"].equals(right["id"])
    assert not left["body"].equals(right["body"])


def test_a_corpus_is_written_row_group_by_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "ROWS_PER_GROUP", 10)
    made: list[int] = []
    make_table = CorpusRequest.table

    def recording(self: CorpusRequest, start: int, stop: int) -> pa.Table:
        made.append(stop - start)
        return make_table(self, start, stop)

    monkeypatch.setattr(CorpusRequest, "table", recording)
    write_parquet(TICKETS, tmp_path / "t.parquet")
    assert max(made) == 10
    assert pq.read_metadata(tmp_path / "t.parquet").num_row_groups == 10
    assert pq.read_table(tmp_path / "t.parquet").equals(make_table(TICKETS, 0, 95))


def test_large_corpora_are_split_into_files_without_gap_or_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "ROWS_PER_FILE", 40)
    files = split_into_files(TICKETS)
    assert [(file.first_index, file.rows) for file in files] == [(0, 40), (40, 40), (80, 15)]


def test_several_files_hold_the_same_rows_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "ROWS_PER_FILE", 40)
    paths = generate_corpus(TICKETS, tmp_path)
    assert [path.name for path in paths] == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]
    assert pq.read_table(tmp_path).equals(TICKETS.table(0, 95))


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "ROWS_PER_GROUP", 10)
    make_row = CorpusRequest._row

    def failing(self: CorpusRequest, index: int) -> dict[str, object]:
        if index == 30:
            raise OSError("no space left")
        return make_row(self, index)

    monkeypatch.setattr(CorpusRequest, "_row", failing)
    with pytest.raises(OSError, match="no space left"):
        write_parquet(TICKETS, tmp_path / "t.parquet")
    assert not (tmp_path / "t.parquet").exists()


def test_leftovers_of_a_larger_corpus_are_refused(tmp_path: Path) -> None:
    generate_corpus(TICKETS, tmp_path)
    (tmp_path / "part-00000.parquet").rename(tmp_path / "part-00001.parquet")
    with pytest.raises(ValueError, match=r"part-00001\.parquet.*choose an empty folder"):
        generate_corpus(TICKETS, tmp_path)


@pytest.mark.parametrize("rows", [0, -3])
def test_a_corpus_needs_rows(rows: int) -> None:
    with pytest.raises(ValueError, match="at least 1 row"):
        CorpusRequest("tickets", rows)


def test_an_unknown_corpus_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'recipes'.*tickets, products, legal, news"):
        load_scene("recipes")


@pytest.mark.parametrize("corpus", CORPUS_NAMES)
def test_texts_vary(corpus: str) -> None:
    texts = {write_document(load_scene(corpus), 1, index).body for index in range(300)}
    assert len(texts) == 300


@pytest.mark.parametrize("corpus", CORPUS_NAMES)
def test_no_slot_is_left_unfilled(corpus: str) -> None:
    drafts = [write_document(load_scene(corpus), 2, index) for index in range(500)]
    assert not any(mark in draft.title + draft.body for draft in drafts for mark in "{}@|")
