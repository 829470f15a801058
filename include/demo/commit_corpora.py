"""`python -m demo.commit_corpora`: write the committed corpora, queries and judgements anew."""

from demo.generate import COMMITTED_ROWS, COMMITTED_SEED, CorpusRequest, write_parquet
from demo.judgements import corpus_path, judgements_path, queries_path, write_judgements, write_queries
from demo.relevance import make_benchmark
from demo.scenes import CORPUS_NAMES


def commit_corpus(corpus: str) -> None:
    """Write one corpus folder."""
    corpus_path(corpus).parent.mkdir(parents=True, exist_ok=True)
    write_parquet(CorpusRequest(corpus, COMMITTED_ROWS), corpus_path(corpus))
    queries, judgements = make_benchmark(corpus, COMMITTED_ROWS, COMMITTED_SEED)
    write_queries(queries_path(corpus), queries)
    write_judgements(judgements_path(corpus), judgements)


if __name__ == "__main__":
    for name in CORPUS_NAMES:
        commit_corpus(name)
