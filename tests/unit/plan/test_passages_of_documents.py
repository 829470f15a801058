"""Texts that are divided: planned, encoded and indexed by passage, counted by document."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from kinds_of_vectors import SPARSE
from plan_help import config_at, part_rows, planned, row, write
from sparse_index.books.final_manifest import count_rejected, write_final_manifest
from sparse_index.builds.dead_letters import DeadLetter, read_letters, write_letters
from sparse_index.builds.folder import letters_files, letters_path
from sparse_index.builds.plan import BuildKind, Plan
from sparse_index.config.corpus import CorpusConfig
from sparse_index.encode.source_texts import iter_texts
from sparse_index.encode.texts import Text
from sparse_index.errors import BuildError, ConfigError
from sparse_index.index.documents import PartWrites
from sparse_index.store.files import Store
from sparse_index.store.manifests import hashes_in
from sparse_index.store.sql import connect
from sparse_index.timing import utc_now
from sparse_index.vectors.sparse import SparseVector

MODEL = Path(__file__).parents[3] / "include" / "demo" / "toy_models" / "sparse" / "model.zip"
MONEY = "I want my money back. " * 4
PARCEL = "My parcel did not arrive. " * 4
LATE = "It came late and broken. " * 4
LONG = f"{MONEY}\n\n{PARCEL}\n\n{LATE}"


def config(folder: Path, long_texts: str = "passages", model: Path = MODEL, **more: Any) -> CorpusConfig:
    encoder = {"model": {"source": "file", "name": "toy", "version": "1", "path": str(model)}}
    field = {"kind": "sparse", "encoder": encoder, "long_texts": long_texts, "passages": {"tokens": 30, "overlap": 6}}
    single = config_at(folder, **more).model_dump(exclude={"encoder", "index", "vectors"})
    template = {"source": single["source"] | {"text_template": "{body}"}}
    return CorpusConfig.model_validate(single | {"vectors": {"text_sparse": field}} | template)


def texts_to_encode(corpus: CorpusConfig, plan: Plan) -> list[Text]:
    store = Store(corpus.store)
    return [text for part in plan.encode_parts for text in iter_texts(store, plan, part)]


def encode(corpus: CorpusConfig, plan: Plan, refused: str = "nothing") -> None:
    """Each word is a token, as heavy as it is often; a text with the word `refused` gets no vector."""
    texts = [text for text in texts_to_encode(corpus, plan) if refused not in text.text]
    vectors = {text.text_hash: Counter(text.text.lower().strip(".").split()) for text in texts}
    table = SPARSE.table(
        {name: SparseVector((*words,), (*map(float, words.values()),)) for name, words in vectors.items()}
    )
    Store(corpus.store).write_table(f"vectors/{plan.fingerprint}/{plan.build_id}-p00000.parquet", table)


def documents(corpus: CorpusConfig, plan: Plan) -> dict[str, dict[str, Any]]:
    writes = PartWrites(Store(corpus.store), plan, plan.index_parts[0], utc_now)
    return {each.id: orjson.loads(each.document or b"") for each in writes}


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, Any]]:
    rows = [row(1, body=LONG), row(2, body="Short."), row(3, body=None), row(4, body=PARCEL.strip())]
    write(tmp_path / "corpus", rows)
    return rows


@pytest.mark.usefixtures("rows")
def test_each_passage_is_encoded_once_whoever_has_it(tmp_path: Path) -> None:
    corpus = config(tmp_path)
    plan = planned(corpus)
    assert [text.text for text in texts_to_encode(corpus, plan)] == [
        MONEY.strip(), PARCEL.strip(), LATE.strip(), "Short."
    ]  # fmt: skip
    counts = plan.counts
    assert (counts.documents, counts.encoded, counts.blank, counts.texts_to_encode) == (4, 3, 1, 4)
    assert counts.chars_to_encode == sum(len(text.text) for text in texts_to_encode(corpus, plan))
    assert counts.lengths["text_sparse"].truncated == 0


@pytest.mark.usefixtures("rows")
def test_a_document_holds_its_passages_each_with_its_own_vector(tmp_path: Path) -> None:
    corpus = config(tmp_path)
    plan = planned(corpus)
    encode(corpus, plan)
    found = documents(corpus, plan)
    passages = found["d1"]["text_sparse"]
    assert [passage["number"] for passage in passages] == [0, 1, 2]
    assert all(LONG[passage["start"] : passage["end"]] == passage["text"] for passage in passages)
    assert passages[1]["vector"]["parcel"] == 4.0
    assert "parcel" not in passages[0]["vector"]
    assert found["d4"]["text_sparse"] == [passages[1] | {"number": 0, "start": 0, "end": len(PARCEL.strip())}]
    assert "text_sparse" not in found["d3"]
    assert (plan.mapping or {})["properties"]["text_sparse"]["type"] == "nested"


@pytest.mark.usefixtures("rows")
def test_a_document_is_counted_as_empty_only_when_all_its_passages_are(tmp_path: Path) -> None:
    corpus = config(tmp_path)
    plan = planned(corpus)
    nothing = {
        text.text_hash: SparseVector((), ()) for text in texts_to_encode(corpus, plan) if "money" not in text.text
    }
    encode(corpus, plan, refused="parcel")
    store = Store(corpus.store)
    assert planned(corpus).counts.empty == {}
    store.write_table(f"vectors/{plan.fingerprint}/{plan.build_id}-p00000.parquet", SPARSE.table(nothing))
    assert planned(corpus).counts.empty == {"text_sparse": 2}, "d2 and d4; a passage of d1 is not encoded yet"


@pytest.mark.usefixtures("rows")
def test_of_max_a_document_has_the_largest_weight_of_each_token(tmp_path: Path) -> None:
    corpus = config(tmp_path, "max")
    plan = planned(corpus)
    encode(corpus, plan)
    vector = documents(corpus, plan)["d1"]["text_sparse"]
    assert (vector["parcel"], vector["money"], vector["late"]) == (4.0, 4.0, 4.0)
    assert list(vector.values()) == sorted(vector.values(), reverse=True)
    assert (plan.mapping or {})["properties"]["text_sparse"] == {"type": "rank_features"}


def test_a_changed_paragraph_costs_its_passages_only(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    corpus = config(tmp_path)
    live = planned(corpus)
    encode(corpus, live)
    changed = LONG.replace("parcel did", "letter did")
    write(tmp_path / "corpus", [rows[0] | {"body": changed}, *rows[1:]])
    plan = planned(corpus, live, token="12345600")
    assert (plan.kind, plan.counts.text_changed) == (BuildKind.DELTA, 1)
    (text,) = texts_to_encode(corpus, plan)
    assert "letter" in text.text
    assert plan.counts.encoded == 1
    encode(corpus, plan)
    assert [passage["number"] for passage in documents(corpus, plan)["d1"]["text_sparse"]] == [0, 1, 2]


@pytest.mark.usefixtures("rows")
def test_from_max_to_passages_is_a_new_index_without_encoding(tmp_path: Path) -> None:
    live = planned(config(tmp_path, "max"))
    encode(config(tmp_path, "max"), live)
    plan = planned(config(tmp_path), live, token="12345600")
    assert (plan.kind, plan.counts.texts_to_encode, plan.counts.reused) == (BuildKind.FULL, 0, 3)
    assert planned(config(tmp_path, "max"), live, token="12345601").kind is BuildKind.NOTHING


@pytest.mark.usefixtures("rows")
def test_a_document_with_a_refused_passage_is_a_dead_letter_in_closed_books(tmp_path: Path) -> None:
    corpus = config(tmp_path)
    plan, store = planned(corpus), Store(corpus.store)
    encode(corpus, plan, refused="broken")
    refused = next(text for text in texts_to_encode(corpus, plan) if "broken" in text.text)
    letter = DeadLetter("d1", "encode", "predict_failed", "too odd", 2, plan.build_id, utc_now(), refused.place)
    write_letters(store, letters_path(plan, "encode", 0), [letter])
    writes = PartWrites(store, plan, plan.index_parts[0], utc_now)
    assert [each.id for each in writes] == ["d2", "d3", "d4"]
    assert [(each.id, each.error_class, each.reason) for each in writes.rejected] == [
        ("d1", "predict_failed", "too odd")
    ]
    path = letters_path(plan, "index", 0)
    write_letters(store, path, writes.rejected)
    assert read_letters(store, path)[0].id == "d1"
    assert (
        count_rejected(store, plan, letters_files(store, plan, ["index"])).encoded,
        count_rejected(store, plan, letters_files(store, plan, ["index"])).reused,
    ) == (1, 0)


@pytest.mark.usefixtures("rows")
def test_a_passage_that_was_lost_stops_the_build(tmp_path: Path) -> None:
    corpus = config(tmp_path)
    plan = planned(corpus)
    encode(corpus, plan, refused="broken")
    with pytest.raises(BuildError, match=r"Document d1 of build .* no vector for its text .* Trigger a new run"):
        documents(corpus, plan)


@pytest.mark.usefixtures("rows")
def test_the_vectors_of_passages_are_needed_as_long_as_a_manifest_has_them(tmp_path: Path) -> None:
    corpus = config(tmp_path)
    plan, store = planned(corpus), Store(corpus.store)
    manifest = write_final_manifest(store, plan, [])
    with connect(store) as con:
        needed = {name for (name,) in con.execute(hashes_in(store, [manifest])).fetchall()}
    assert needed >= {text.text_hash for text in texts_to_encode(corpus, plan)}


def test_two_passages_with_one_text_are_encoded_once_and_both_shown(tmp_path: Path) -> None:
    write(tmp_path / "corpus", [row(1, body=f"{MONEY}\n\n{MONEY}")])
    corpus = config(tmp_path)
    plan = planned(corpus)
    assert [text.text for text in texts_to_encode(corpus, plan)] == [MONEY.strip()]
    encode(corpus, plan)
    one, two = documents(corpus, plan)["d1"]["text_sparse"]
    assert (one["vector"], one["start"]) == (two["vector"], 0)
    assert two["start"] == len(MONEY) + 2


def test_a_passage_with_an_empty_vector_is_shown_and_a_document_of_such_has_none(tmp_path: Path) -> None:
    write(tmp_path / "corpus", [row(1, body=f"{MONEY}\n\n{LATE}"), row(2, body=LATE)])
    corpus = config(tmp_path)
    plan, store = planned(corpus), Store(corpus.store)
    words = {text.text_hash: ("money",) if "money" in text.text else () for text in texts_to_encode(corpus, plan)}
    table = SPARSE.table({name: SparseVector(tokens, (1.0,) * len(tokens)) for name, tokens in words.items()})
    store.write_table(f"vectors/{plan.fingerprint}/{plan.build_id}-p00000.parquet", table)
    writes = PartWrites(store, plan, plan.index_parts[0], utc_now)
    found = {each.id: orjson.loads(each.document or b"") for each in writes}
    assert ["vector" in passage for passage in found["d1"]["text_sparse"]] == [True, False]
    assert "text_sparse" not in found["d2"]
    assert [(each.id, each.field) for each in writes.empty] == [("d2", "text_sparse")]


def test_a_feed_cannot_begin_to_divide_what_it_no_longer_reads(tmp_path: Path) -> None:
    source = {"uri": str(tmp_path / "corpus" / "{data_date}"), "columns": ["id", "title", "body", "price"]}
    write(tmp_path / "corpus" / "2026-01-02", [row(1, body=LONG)])
    whole = config(tmp_path, kind="feed", source=source)
    field = whole.vector_fields["text_sparse"].model_copy(update={"long_texts": None, "passages": None})
    whole = whole.model_copy(update={"vectors": {"text_sparse": field}})
    live = planned(whole)
    Store(whole.store).write_json(f"things/builds/{live.build_id}/plan.json", live.model_dump(mode="json"))
    with pytest.raises(BuildError, match="now makes documents in another way"):
        planned(config(tmp_path, kind="feed", source=source), live, token="12345600")


def test_a_model_without_a_tokenizer_cannot_divide(tmp_path: Path) -> None:
    write(tmp_path / "corpus", [row(1)])
    (tmp_path / "model.zip").write_bytes(b"no zip")
    with pytest.raises(ConfigError, match=r"vectors.text_sparse.long_texts divides texts .*BadZipFile"):
        planned(config(tmp_path, model=tmp_path / "model.zip"))


def test_an_index_part_of_a_former_version_has_no_passages(tmp_path: Path) -> None:
    write(tmp_path / "corpus", [row(1)])
    corpus = config_at(tmp_path)
    plan, store = planned(corpus), Store(corpus.store)
    path = plan.index_parts[0].path
    store.write_table(path, store.read_table(path).drop_columns(["passages"]))
    text_hash = part_rows(corpus, plan)[0]["text_hash"]
    vectors = pa.table({"text_hash": [text_hash], "tokens": [["some"]], "weights": [[1.0]]})
    store.write_table(f"vectors/{plan.fingerprint}/{plan.build_id}-p00000.parquet", vectors)
    assert documents(corpus, plan)["d1"]["text_sparse"] == {"some": 1.0}
