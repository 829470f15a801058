"""Settings that are right alone and wrong together: each is refused, named with its value and a remedy."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sparse_index.config.combinations import CLASHES
from sparse_index.config.corpus import CorpusConfig

FEED = {"uri": "/lake/{data_date}", "columns": ["title"], "deleted_column": "gone", "backfill_horizon_days": 7}
MODEL = {"source": "model_id", "model_id": "m"}
DENSE = {"kind": "dense", "dimension": 3, "encoder": {"model": MODEL}}
CATALOGUE = {"source": "pretrained", "name": "m", "version": "1"}


def fields(*models: dict[str, str]) -> dict[str, Any]:
    return {f"v{number}": {"kind": "sparse", "encoder": {"model": model}} for number, model in enumerate(models)}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"kind": "feed"}, "kind=feed | source.uri=/lake/x/*.parquet | a feed reads one partition a run"),
    ({"source": {"uri": "/lake/{data_date}"}}, "kind=(default) | source.uri=/lake/{data_date} | a snapshot is read whole"),
    ({"source": {"deleted_column": "gone"}}, "kind=(default) | source.deleted_column=gone | a snapshot deletes what"),
    ({"source": {"backfill_horizon_days": 7}}, "source.backfill_horizon_days=7 | a snapshot has no late partitions"),
    ({"kind": "feed"}, "kind=feed | source.columns=(default) | partitions of different days must make the same fields"),
    ({"kind": "feed", "schedule": "@weekly"}, "kind=feed | schedule=@weekly | a feed's run reads the day before it"),
    ({"kind": "feed", "source": FEED | {"format": "delta"}}, "kind=feed | source.format=delta | a table is read whole"),
    ({"source": {"version": 3}}, "source.format=(default) | source.version=3 | plain files have no versions"),
    ({"source": {"format": "iceberg", "partitions": "ignore"}}, "source.partition_types=(default) | a table itself knows"),
    ({"source": {"partitions": "ignore", "partition_types": {"d": "date"}}}, "'d': 'date'} | partitions that are"),
    ({"source": {"columns": ["text_sparse"]}}, "index.vector_field=(default) | source.columns=['text_sparse'] | the vector"),
    (
        {"index": {"fields": {"text_sparse": {"type": "keyword"}}}},
        "index.vector_field=(default) | index.fields={'text_sparse': {'type': 'keyword'}} | the vector's field is not yours",
    ),
    (
        {"vectors": fields(MODEL), "encoder": {"max_tokens": 9}},
        "vectors=['v0'] | index.vector_field=v0 | `encoder` and `index.vector_field` are short for one field",
    ),
    (
        {"vectors": fields(MODEL, CATALOGUE, CATALOGUE | {"version": "2"}), "encoder": {}},
        "vectors=['v0', 'v1', 'v2'] | a run tells the models that it registers apart by their names",
    ),
    (
        {"index": {"fields": {"id": {"type": "text"}}}},
        "source.id_column=id | index.fields={'id': {'type': 'text'}} | ids are compared as they are written",
    ),
    ({"index": {"alias": {"routing": "a"}, "shards": 2}}, "index.alias={'routing': 'a'} | index.shards=2 | documents are"),
    ({"encoder": {"chunk_docs": 4}}, "encoder.chunk_docs=4 | encoder.docs_per_request=(default) | a chunk holds"),
    ({"search": {"sides": ["bm25", "text"]}}, "search.sides=['bm25', 'text'] | vectors=(default) | a side is `bm25` or the"),
    (
        {"index": {"vector_field": "bm25"}, "search": {"sides": ["bm25"]}},
        "search.sides=['bm25'] | vectors=(default) | `bm25` is the full-text side",
    ),
    (
        {"search": {"sides": ["bm25", "text_sparse"], "fusion": {"type": "min_max", "weights": {"bm25": 1}}}},
        "search.fusion={'type': 'min_max', 'weights': {'bm25': 1.0}} | search.sides=['bm25', 'text_sparse'] | give each side",
    ),
    ({"search": {"query": {"text_dense": "model"}}}, "search.query={'text_dense': 'model'} | vectors=(default) | it says"),
    (
        {"vectors": {"v": DENSE}, "search": {"query": {"v": "analyzer"}}, "encoder": {}},
        "search.query={'v': 'analyzer'} | vectors=['v'] | only a model makes a dense vector",
    ),
    ({"search": {"mode": "dense"}}, "search.mode=dense | vectors=(default) | this mode asks a vector field of that kind"),
    ({"search": {"mode": "hybrid"}}, "search.mode=hybrid | search.sides=(default) | one side has nothing to be fused with"),
    ({"search": {"mode": "rerank"}}, "search.mode=rerank | search.rerank=(default) | say which model re-ranks"),
    ({"gate": {"min_ndcg": 0.4}}, "gate.golden=(default) | gate.min_ndcg=0.4 | the floor is measured with judgements"),
    (
        {"gate": {"approval": {"hours": 2.5}}},
        "gate.undecided=(default) | gate.approval={'hours': 2.5} | somebody is asked where undecided is `ask`",
    ),
    ({"store": "/lake/x/a.parquet"}, "store=/lake/x/a.parquet | source.uri=/lake/x/*.parquet | the store lies inside the corpus"),
]  # fmt: skip


def raw(**sections: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "alias": "things",
        "store": "/store",
        "source": {"uri": "/lake/x/*.parquet", "id_column": "id", "text_template": "{title}"},
        "encoder": {"model": {"source": "model_id", "model_id": "m"}},
    }
    for name, section in sections.items():
        values[name] = values.get(name, {}) | section if isinstance(section, dict) else section
    return values


@pytest.mark.parametrize(("sections", "line"), REFUSED)
def test_what_does_not_go_together_is_refused(sections: dict[str, Any], line: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CorpusConfig.model_validate(raw(**sections))
    assert line in str(caught.value)


def within(uri: str) -> dict[str, Any]:
    return {"source": {"uri": uri, "id_column": "id", "text_template": "{title}"}, "store": "/lake/x/store"}


READ_THE_STORE = [
    "/lake",
    "/lake/x/",
    "/lake/x/**/*.parquet",
    "/lake/**.parquet",
    "/lake/x/*",
    "/lake/x/st*",
    "/lake/*",
]
READ_BESIDE_IT = [
    "/lake/x/*.parquet",
    "/lake/*/y/*.parquet",
    "/lake/x/store-of-others",
    "/lake/x/part-?.parquet",
    "/lake/y",
]


@pytest.mark.parametrize("uri", [*READ_THE_STORE, "/lake/*/store/*", "/lake/x/*/*.parquet"])
def test_a_corpus_that_would_read_the_store_is_refused(uri: str) -> None:
    with pytest.raises(ValidationError, match="the store lies inside the corpus"):
        CorpusConfig.model_validate(raw(**within(uri)))


@pytest.mark.parametrize("uri", [*READ_BESIDE_IT, "/lake/x/store/raw/*.parquet"])
def test_a_corpus_that_ends_beside_the_store_is_accepted(uri: str) -> None:
    assert CorpusConfig.model_validate(raw(**within(uri))).store == "/lake/x/store"


def test_every_line_of_the_table_is_tried_here() -> None:
    assert len(REFUSED) == len(CLASHES)
    remedies = tuple(line.rsplit(" | ", 1)[1] for _, line in REFUSED)
    assert [clash.settings for clash in CLASHES if not any(map(clash.remedy.startswith, remedies))] == []


@pytest.mark.parametrize("schedule", ["@hourly", "0 */6 * * *", "0 6 * * 1-5", "0 6,18 * * *", "0 6 1 * *", "@weekly"])
def test_a_feed_runs_once_every_day_or_by_hand(schedule: str) -> None:
    with pytest.raises(ValidationError, match="it must run once every day"):
        CorpusConfig.model_validate(raw(kind="feed", source=FEED, schedule=schedule))


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"kind": "feed", "source": FEED},
        {"kind": "feed", "source": FEED, "schedule": "@daily"},
        {"kind": "feed", "source": FEED, "schedule": "30  6 * * *"},
        {"kind": "feed", "source": FEED, "schedule": None},
        {"schedule": "0 * * * 1-5"},
        {"index": {"vector_field": "vector"}, "source": {"columns": ["text_sparse"]}},
        {"encoder": {"chunk_docs": 8, "docs_per_request": 8}},
        {"index": {"alias": {"routing": "a"}}},
        {"vectors": fields(CATALOGUE, CATALOGUE, MODEL), "encoder": {"model": CATALOGUE}},
        {"store": "/lake/xy"},
        {"gate": {"golden": "/golden", "min_ndcg": 0.4}},
        {"gate": {"undecided": "ask", "approval": {"hours": 2.5}}},
        {"gate": {"undecided": "pass", "approval": {"hours": 12, "users": []}}},
        {"index": {"vector_field": "bm25"}},
        {"search": {"mode": "hybrid", "sides": ["bm25", "text_sparse"]}},
        {"search": {"fusion": {"type": "min_max", "weights": {"text_sparse": 1}}}},
    ],
)  # fmt: skip
def test_what_goes_together_is_accepted(sections: dict[str, Any]) -> None:
    assert CorpusConfig.model_validate(raw(**sections)).alias == "things"
