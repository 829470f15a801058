"""`python -m demo.commit_corpora`: write the committed corpora, queries and judgements anew."""

import shutil
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from demo.generate import COMMITTED_ROWS, COMMITTED_SEED, CorpusRequest, write_parquet
from demo.judgements import (
    Judgement,
    Query,
    Split,
    corpus_path,
    golden_folder,
    judgements_path,
    queries_path,
    write_judgements,
    write_queries,
)
from demo.relevance import make_benchmark
from demo.scenes import CORPUS_NAMES
from sparse_index.relevance import golden


def commit_corpus(corpus: str) -> None:
    """Write one corpus folder."""
    corpus_path(corpus).parent.mkdir(parents=True, exist_ok=True)
    write_parquet(CorpusRequest(corpus, COMMITTED_ROWS), corpus_path(corpus))
    queries, judgements = make_benchmark(corpus, COMMITTED_ROWS, COMMITTED_SEED)
    write_queries(queries_path(corpus), queries)
    write_judgements(judgements_path(corpus), judgements)
    commit_golden(corpus, queries, judgements)


def commit_golden(corpus: str, queries: Sequence[Query], judgements: Sequence[Judgement]) -> None:
    """The held-out queries as `python -m sparse_index evaluate` takes them."""
    shutil.rmtree(golden_folder(corpus), ignore_errors=True)
    held_out = {query.id: query.text for query in queries if query.split is Split.HELD_OUT}
    golden.write_queries(
        golden_folder(corpus) / golden.QUERIES,
        (golden.GoldenQuery(id=id_, text=text) for id_, text in held_out.items()),
    )
    rows = [
        {"query": judgement.query_id, "id": judgement.document_id, "grade": judgement.grade}
        for judgement in judgements
        if judgement.query_id in held_out
    ]
    schema = pa.schema({"query": pa.string(), "id": pa.string(), "grade": pa.int8()}.items())
    pq.write_table(pa.Table.from_pylist(rows, schema), golden_folder(corpus) / golden.JUDGEMENTS, compression="zstd")


if __name__ == "__main__":
    for name in CORPUS_NAMES:
        commit_corpus(name)
