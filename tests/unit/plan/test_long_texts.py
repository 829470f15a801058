"""Texts that are longer than their model reads: counted while scanning, said, and refused where the corpus file asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from plan_help import config_at, planned, row, write
from sparse_index.builds.plan import BuildKind, Plan, TextLengths
from sparse_index.builds.request import Mode
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.plan.in_words import plan_in_words
from sparse_index.store.files import Store

MODEL = Path(__file__).parents[3] / "include" / "demo" / "toy_models" / "sparse" / "model.zip"
# Of the toy model 512 tokens are read, [CLS] and [SEP] among them.
READS = 510
LONG = "money " * 600


def toy(path: Path = MODEL) -> dict[str, Any]:
    return {"model": {"source": "file", "name": "toy", "version": "1", "path": str(path)}}


def config(folder: Path, rows: list[dict[str, Any]], **sections: Any) -> CorpusConfig:
    write(folder / "corpus", rows)
    asked = {"kind": "sparse", "encoder": toy(), "long_texts": "truncate"}
    fields = {"vectors": {"text_sparse": asked | sections.pop("field", {})}}
    limits = {"max_truncated_share": 1} | sections.pop("limits", {})
    single = config_at(folder, limits=limits, **sections).model_dump(exclude={"encoder", "index", "vectors"})
    return CorpusConfig.model_validate(single | fields | {"source": single["source"] | {"text_template": "{body}"}})


def rows(long: int, short: int) -> list[dict[str, Any]]:
    texts = [LONG] * long + ["my money back"] * short
    return [row(number, body=text) for number, text in enumerate(texts)] + [row(99, body=None)]


def test_tokens_and_what_is_lost_of_them_are_counted_and_said(tmp_path: Path) -> None:
    plan = planned(config(tmp_path, rows(long=1, short=3)))
    tokens = 602 + 3 * 5
    assert plan.counts.lengths == {
        "text_sparse": TextLengths(documents=4, tokens=tokens, truncated=1, tokens_lost=602 - READS - 2)
    }
    said = (
        "text_sparse: 1 of 4 texts (25.0%) are longer than the model reads; 90 of 617 tokens (14.6%) are in no vector"
    )
    assert said in plan_in_words(plan)


def test_manifests_keep_the_counts_of_each_document(tmp_path: Path) -> None:
    corpus = config(tmp_path, rows(long=1, short=1))
    manifest = Store(corpus.store).read_table(planned(corpus).manifest).sort_by("id")
    assert [(each["tokens"], each["truncated"]) for each in manifest.to_pylist()] == [
        ([("text_sparse", 602)], [("text_sparse", 90)]),
        ([("text_sparse", 5)], [("text_sparse", 0)]),
        (None, None),
    ]


def test_where_nothing_is_cut_nothing_is_said(tmp_path: Path) -> None:
    plan = planned(config(tmp_path, rows(long=0, short=3)))
    assert plan.counts.lengths["text_sparse"].truncated == 0
    assert plan.notes == []


def test_too_many_are_refused_only_where_the_corpus_file_speaks_of_them(tmp_path: Path) -> None:
    long, limits = rows(long=2, short=2), {"max_truncated_share": 0.05}
    many = [row(number, body=f"{LONG} {number}") for number in range(64)]
    plan = planned(config(tmp_path, many, field={"long_texts": None}, limits=limits))
    some = plan.counts.lengths["text_sparse"]
    assert 0 < some.truncated == some.documents < 64
    assert [note.endswith("(one text in 16 was counted)") for note in plan.notes] == [True]
    refused = config(tmp_path, long, limits=limits)
    with pytest.raises(BuildError, match=r"2 of 4 texts \(50.0%\) .* more than limits.max_truncated_share \(5.0%\)"):
        planned(refused)
    assert planned(refused, mode=Mode.PLAN_ONLY).counts.lengths["text_sparse"].truncated == 2
    raised = config(tmp_path, long, limits={"max_truncated_share": 0.5})
    assert planned(raised).counts.lengths["text_sparse"].truncated == 2


def test_it_is_said_when_what_long_texts_asks_for_cannot_be_known(tmp_path: Path) -> None:
    encoder = {"model": {"source": "pretrained", "name": "m", "version": "1"}}
    plan = planned(config(tmp_path, rows(long=1, short=1), field={"encoder": encoder}))
    assert plan.counts.lengths == {}
    assert plan.notes == [
        "text_sparse: tokens are not counted, and limits.max_truncated_share is not checked: the model is named in the cluster's "
        "catalogue, and only the cluster has its files"
    ]
    assert planned(config(tmp_path, rows(long=1, short=1), field={"encoder": encoder, "long_texts": None})).notes == []


def left_without_counts(corpus: CorpusConfig, plan: Plan) -> None:
    """As a version that counted nothing left its manifest."""
    path = Store(corpus.store).full(plan.manifest)
    pq.write_table(pq.read_table(path).drop_columns(["tokens", "truncated"]), path)


def test_a_manifest_without_counts_is_as_good_as_ever(tmp_path: Path) -> None:
    corpus = config(tmp_path, rows(long=1, short=3))
    live = planned(corpus)
    left_without_counts(corpus, live)
    again = planned(corpus, live, token="abcdef01")
    assert (again.kind, again.counts.texts_to_encode) == (BuildKind.NOTHING, 0)
    write(tmp_path / "corpus", [*rows(long=1, short=3), row(100, body="a new one")])
    after = planned(corpus, live, token="abcdef02")
    assert (after.kind, after.counts.texts_to_encode) == (BuildKind.DELTA, 1)
    assert after.counts.lengths["text_sparse"].documents == 5


def test_days_of_a_feed_that_nobody_counted_are_left_out(tmp_path: Path) -> None:
    source = {"uri": str(tmp_path / "corpus" / "{data_date}"), "columns": ["id", "title", "body", "price"]}
    corpus = config(tmp_path, [], kind="feed", source=source)
    write(tmp_path / "corpus" / "2026-01-02", rows(long=1, short=1))
    live = planned(corpus)
    left_without_counts(corpus, live)
    write(tmp_path / "corpus" / "2026-01-03", [row(7, body=LONG)])
    plan = planned(corpus, live, data_date="2026-01-03", token="abcdef01")
    assert plan.counts.documents == 4
    assert plan.counts.lengths["text_sparse"] == TextLengths(documents=1, tokens=602, truncated=1, tokens_lost=90)
