"""Vector fields with a text template of their own: what is encoded for which field, and what the books say of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from plan_help import config_at, live_cluster, planned, write
from sparse_index.books.final_manifest import count_rejected, write_final_manifest
from sparse_index.builds.dead_letters import DeadLetter, read_letters, write_letters
from sparse_index.builds.folder import letters_files, letters_path
from sparse_index.builds.plan import BuildKind, FieldCounts, Plan
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.hashes import hash_text
from sparse_index.encode.source_texts import iter_texts
from sparse_index.index.documents import PartWrites
from sparse_index.store.files import Store
from sparse_index.store.manifests import hashes_in
from sparse_index.store.sql import connect
from sparse_index.timing import utc_now

MODELS = {"one": "1" * 64, "two": "2" * 64}


def row(number: int, title: str | None = "title", body: str | None = "words") -> dict[str, Any]:
    return {"id": f"d{number}", "title": title, "body": body, "price": 1}


ROWS = [row(1), row(2, title="another title"), row(3, body=None), row(4, body=None, title=None)]


def config(folder: Path, second: str = "two", text: str | None = "{title}") -> CorpusConfig:
    encoders = {"whole": "one", "title": second}
    vectors: dict[str, dict[str, Any]] = {
        name: {"kind": "sparse", "encoder": {"model": {"source": "model_id", "model_id": model}}}
        for name, model in encoders.items()
    }
    vectors["title"] |= {"text": text} if text else {}
    single = config_at(folder).model_dump(exclude={"encoder", "index", "vectors"})
    source = {"source": single["source"] | {"text_template": "{body}", "columns": ["price"]}}
    return CorpusConfig.model_validate(single | {"vectors": vectors} | source)


@pytest.fixture
def corpus(tmp_path: Path) -> CorpusConfig:
    write(tmp_path / "corpus", ROWS)
    return config(tmp_path)


def planned_on(corpus: CorpusConfig, live: Plan | None = None) -> Plan:
    cluster = live_cluster(corpus, live, models=MODELS)
    return planned(corpus, live=live, cluster=cluster, token="abcdef00" if live is None else "abcdef01")


def to_encode(corpus: CorpusConfig, plan: Plan) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for part in plan.encode_parts:
        for text in iter_texts(Store(corpus.store), plan, part):
            texts.setdefault(text.field, []).append(text.text)
    return {name: sorted(several) for name, several in texts.items()}


def encode(corpus: CorpusConfig, plan: Plan, without: str = "") -> None:
    """A vector of one token, the text itself; none for the text `without`."""
    for field, texts in to_encode(corpus, plan).items():
        kept = [text for text in texts if text != without]
        columns = {"text_hash": [*map(hash_text, kept)], "tokens": [[text] for text in kept]}
        table = pa.table(columns | {"weights": [[1.0]] * len(kept)})
        Store(corpus.store).write_table(f"vectors/{plan.fingerprint_of(field)}/{plan.build_id}-{field}.parquet", table)


def documents(corpus: CorpusConfig, plan: Plan) -> dict[str, dict[str, Any]]:
    writes = PartWrites(Store(corpus.store), plan, plan.index_parts[0], utc_now)
    return {each.id: orjson.loads(each.document or b"{}") for each in writes if each.action == "index"}


def test_each_field_is_encoded_with_its_own_text_once(corpus: CorpusConfig) -> None:
    plan = planned_on(corpus)
    assert to_encode(corpus, plan) == {"whole": ["words"], "title": ["another title", "title"]}
    counts = plan.counts
    assert (counts.rows_read, counts.encoded, counts.reused, counts.blank) == (4, 3, 0, 1), "by document, each once"
    assert counts.fields == {
        "whole": FieldCounts(encoded=2, reused=0, texts_to_encode=1, chars_to_encode=len("words")),
        "title": FieldCounts(encoded=3, reused=0, texts_to_encode=2, chars_to_encode=len("title" + "another title")),
    }
    encode(corpus, plan)
    assert documents(corpus, plan) == {
        "d1": {"price": 1, "whole": {"words": 1.0}, "title": {"title": 1.0}},
        "d2": {"price": 1, "whole": {"words": 1.0}, "title": {"another title": 1.0}},
        "d3": {"price": 1, "title": {"title": 1.0}},
        "d4": {"price": 1},
    }


def test_another_order_of_the_fields_in_the_corpus_file_changes_nothing(corpus: CorpusConfig, tmp_path: Path) -> None:
    said = corpus.model_dump(exclude_unset=True, exclude={"encoder", "index"})
    said["vectors"]["whole"]["text"] = "{body}"
    first = planned_on(CorpusConfig.model_validate(said))
    write(tmp_path / "corpus", [*ROWS, row(5)])
    said["vectors"] = dict(reversed(said["vectors"].items()))
    counts = planned_on(CorpusConfig.model_validate(said), live=first).counts
    assert (counts.new, counts.text_changed, counts.unchanged) == (1, 0, len(ROWS))


def test_a_change_of_a_column_that_is_only_in_an_own_template_is_a_change_of_text(
    corpus: CorpusConfig, tmp_path: Path
) -> None:
    first = planned_on(corpus)
    encode(corpus, first)
    assert planned_on(corpus, live=first).kind is BuildKind.NOTHING
    write(tmp_path / "corpus", [row(1, title="a new title"), *ROWS[1:]])
    second = planned_on(corpus, live=first)
    assert (second.kind, second.counts.text_changed) == (BuildKind.DELTA, 1)
    assert to_encode(corpus, second) == {"title": ["a new title"]}
    encode(corpus, second)
    assert documents(corpus, second)["d1"]["title"] == {"a new title": 1.0}


def test_another_template_is_a_full_build_that_encodes_its_field_alone(corpus: CorpusConfig, tmp_path: Path) -> None:
    first = planned_on(corpus)
    encode(corpus, first)
    second = planned_on(config(tmp_path, text="title: {title}"), live=first)
    assert (second.kind, second.reasons) == (BuildKind.FULL, ["mapping, text template or shard count changed"])
    assert to_encode(corpus, second) == {"title": ["title: another title", "title: title"]}


def test_a_field_with_a_template_that_is_added_later_costs_its_own_encoding_alone(tmp_path: Path) -> None:
    write(tmp_path / "corpus", ROWS)
    both = config(tmp_path)
    vectors = both.model_dump(exclude_unset=True)["vectors"]
    alone = CorpusConfig.model_validate(
        both.model_dump(exclude={"encoder", "index"}) | {"vectors": {"whole": vectors["whole"]}}
    )
    first = planned_on(alone)
    encode(alone, first)
    added = planned_on(both, live=first)
    assert (added.kind, added.counts.text_changed) == (BuildKind.FULL, 0), "no document changed"
    assert to_encode(both, added) == {"title": ["another title", "title"]}


def test_fields_of_one_encoder_share_their_vectors(tmp_path: Path) -> None:
    write(tmp_path / "corpus", [*ROWS, row(5, title="words")])
    corpus = config(tmp_path, second="one")
    plan = planned_on(corpus)
    assert len(set(plan.fingerprints.values())) == 1
    assert to_encode(corpus, plan) == {"whole": ["words"], "title": ["another title", "title"]}, "`words` is there"
    encode(corpus, plan)
    assert documents(corpus, plan)["d5"] == {"price": 1, "whole": {"words": 1.0}, "title": {"words": 1.0}}
    same_text = planned_on(config(tmp_path, second="one", text=None))
    assert same_text.counts.texts_to_encode == 0
    assert same_text.counts.fields["title"] == FieldCounts(encoded=0, reused=3, texts_to_encode=0)


def test_a_refused_text_of_one_field_makes_its_documents_dead_letters_and_the_books_close(corpus: CorpusConfig) -> None:
    store, plan = Store(corpus.store), planned_on(corpus)
    encode(corpus, plan, without="another title")
    (refused,) = (
        text for part in plan.encode_parts for text in iter_texts(store, plan, part) if text.text == "another title"
    )
    letter = DeadLetter(refused.id, "encode", "predict_failed", "no", 1, plan.build_id, utc_now(), refused.place)
    write_letters(store, letters_path(plan, "encode", 0), [letter])
    writes = PartWrites(store, plan, plan.index_parts[0], utc_now)
    list(writes)
    assert [(each.id, each.reason) for each in writes.rejected] == [("d2", "no")]
    write_letters(store, letters_path(plan, "index", 0), writes.rejected)
    assert read_letters(store, letters_path(plan, "index", 0))[0].id == "d2"
    lost = count_rejected(store, plan, letters_files(store, plan, ["index"]))
    assert (lost.encoded, lost.reused, lost.blank) == (1, 0, 0)


def test_a_document_with_only_a_text_of_its_own_is_not_blank_when_it_is_refused(corpus: CorpusConfig) -> None:
    store, plan = Store(corpus.store), planned_on(corpus)
    encode(corpus, plan)
    at = utc_now()
    letters = [DeadLetter(name, "index", "mapper", "", 1, plan.build_id, at, None) for name in ("d3", "d4")]
    write_letters(store, letters_path(plan, "index", 0), letters)
    lost = count_rejected(store, plan, letters_files(store, plan, ["index"]))
    assert (lost.encoded, lost.reused, lost.blank) == (1, 0, 1)


def test_where_no_field_is_made_of_the_whole_text_it_makes_no_document_less_blank(tmp_path: Path) -> None:
    write(tmp_path / "corpus", [row(1), row(2, title=None)])
    both = config(tmp_path)
    vectors = both.model_dump(exclude_unset=True)["vectors"]
    corpus = CorpusConfig.model_validate(
        both.model_dump(exclude={"encoder", "index"}) | {"vectors": {"title": vectors["title"]}}
    )
    plan, store = planned_on(corpus), Store(corpus.store)
    assert (plan.counts.rows_read, plan.counts.encoded, plan.counts.blank) == (2, 1, 1)
    letter = DeadLetter("d2", "index", "mapper", "", 1, plan.build_id, utc_now(), None)
    write_letters(store, letters_path(plan, "index", 0), [letter])
    assert count_rejected(store, plan, letters_files(store, plan, ["index"])).blank == 1


def test_the_store_keeps_vectors_of_own_texts_as_long_as_a_manifest_has_them(corpus: CorpusConfig) -> None:
    plan, store = planned_on(corpus), Store(corpus.store)
    path = write_final_manifest(store, plan, [])
    with connect(store) as con:
        needed = {row[0] for row in con.execute(hashes_in(store, [path])).fetchall()}
    assert needed == {*map(hash_text, ["words", "title", "another title"])}


@pytest.mark.parametrize("text", ["no column", "{title", ""])
def test_a_template_that_names_no_column_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="names no column"):
        config(tmp_path, text=text or " ")
