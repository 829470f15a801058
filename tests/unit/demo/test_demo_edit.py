"""Next-day versions of a corpus: what the counts say is what differs, and nothing else does."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.columns import CORPUS_COLUMNS
from demo.edit import EditRequest, edit_corpus
from demo.generate import CorpusRequest, generate_corpus
from demo.scenes import CORPUS_NAMES

REQUEST = EditRequest(changed=0.2, deleted=0.1, added=0.15, seed=3)


def rows_by_id(folder: Path) -> dict[str, dict[str, Any]]:
    rows = pq.read_table(folder).to_pylist()
    by_id = {row["id"]: row for row in rows}
    assert len(by_id) == len(rows), "an id appears twice"
    return by_id


@pytest.fixture
def day_1(tmp_path: Path) -> Path:
    generate_corpus(CorpusRequest("tickets", 400), tmp_path / "day-1")
    return tmp_path / "day-1"


@pytest.mark.parametrize("corpus", CORPUS_NAMES)
def test_counts_are_the_real_differences(corpus: str, tmp_path: Path) -> None:
    generate_corpus(CorpusRequest(corpus, 400), tmp_path / "day-1")
    counts = edit_corpus(tmp_path / "day-1", tmp_path / "day-2", REQUEST)
    before, after = rows_by_id(tmp_path / "day-1"), rows_by_id(tmp_path / "day-2")
    number = CORPUS_COLUMNS[corpus].changing_number
    common = before.keys() & after.keys()
    changed = {id_: {name for name in before[id_] if before[id_][name] != after[id_][name]} for id_ in common}
    assert counts.unchanged == sum(not columns for columns in changed.values())
    assert counts.text_changed == sum(columns == {"body"} for columns in changed.values()) > 0
    assert counts.field_changed == sum(columns == {number} for columns in changed.values()) > 0
    assert counts.deleted == len(before.keys() - after.keys()) > 0
    assert counts.added == len(after.keys() - before.keys()) == 60


def test_shares_are_kept_on_average(day_1: Path, tmp_path: Path) -> None:
    counts = edit_corpus(day_1, tmp_path / "day-2", REQUEST)
    assert counts.text_changed + counts.field_changed == pytest.approx(80, abs=30)
    assert counts.deleted == pytest.approx(40, abs=20)


def test_the_same_seed_gives_the_same_day(day_1: Path, tmp_path: Path) -> None:
    edit_corpus(day_1, tmp_path / "a", REQUEST)
    edit_corpus(day_1, tmp_path / "b", REQUEST)
    assert pq.read_table(tmp_path / "a").equals(pq.read_table(tmp_path / "b"))


def test_a_third_day_adds_ids_that_were_never_used(day_1: Path, tmp_path: Path) -> None:
    edit_corpus(day_1, tmp_path / "day-2", REQUEST)
    edit_corpus(tmp_path / "day-2", tmp_path / "day-3", EditRequest(0, 0, 0.1, seed=4))
    new = rows_by_id(tmp_path / "day-3").keys() - rows_by_id(tmp_path / "day-2").keys()
    assert len(new) == 42
    assert not new & rows_by_id(day_1).keys()


def test_schema_and_row_groups_survive(day_1: Path, tmp_path: Path) -> None:
    edit_corpus(day_1, tmp_path / "day-2", EditRequest(0.5, 0, 0, seed=1))
    before, after = day_1 / "part-00000.parquet", tmp_path / "day-2" / "part-00000.parquet"
    assert pq.read_schema(before).equals(pq.read_schema(after), check_metadata=True)
    assert pq.read_metadata(before).num_row_groups == pq.read_metadata(after).num_row_groups


def test_everything_may_be_deleted(day_1: Path, tmp_path: Path) -> None:
    counts = edit_corpus(day_1, tmp_path / "day-2", EditRequest(0, 1, 0, seed=1))
    assert counts.deleted == 400
    assert pq.read_table(tmp_path / "day-2").num_rows == 0


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no Parquet files in"):
        edit_corpus(tmp_path, tmp_path / "out", REQUEST)


def test_yesterday_is_never_overwritten(day_1: Path) -> None:
    with pytest.raises(ValueError, match="must differ"):
        edit_corpus(day_1, day_1, REQUEST)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "mine.parquet")
    with pytest.raises(ValueError, match=r"mine\.parquet was not written by"):
        edit_corpus(tmp_path, tmp_path / "out", REQUEST)


@pytest.mark.parametrize("shares", [(-0.1, 0, 0), (0.6, 0.5, 0), (0, 0, 1.1)])
def test_impossible_shares_are_refused(shares: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="Shares must lie in"):
        EditRequest(*shares, seed=1)
