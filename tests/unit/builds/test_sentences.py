"""How each stage ends, in a sentence."""

from __future__ import annotations

import pytest

from sparse_index.builds.check import Check, Verdict, skipped
from sparse_index.builds.reports import Books, EncodeResult, EncoderReport, GateReport, IndexResult, UsedModel
from sparse_index.corpus.shards import Shard, ShardScan, shards_in_words
from sparse_index.index.promote import Promotion
from sparse_index.live.generations import Tidied

BOOKS = Books(
    rows_read=1_010,
    unchanged=1_000,
    encoded=7,
    reused=0,
    blank=1,
    duplicate_ids=0,
    superseded=0,
    dead_letters=2,
    deleted=3,
    documents=1_008,
    health="green",
)
GATE = GateReport(
    documents=9,
    live_documents=8,
    sampled=9,
    tokens_min=1,
    tokens_median=2,
    tokens_max=3,
    checks=[Check("counts", Verdict.PASS, 0, 0, "."), skipped("golden", "no"), skipped("recall", "no")],
)


def shard(number: int, uri: str, rows: int, files: int = 1) -> Shard:
    return Shard(number=number, uri=uri, version="1", first_row_group=0, row_groups=1, rows=rows, files=files)


@pytest.mark.parametrize(
    ("ended", "sentence"),
    [
        (
            EncodeResult(0, encoded=1_200, encoded_before=64, dead_letters=1, predict_calls=40, seconds=30.0),
            "Part 0: 1,200 texts encoded in 30 s (40 predict calls, 40 a second), 64 were encoded by an earlier "
            "attempt, 1 refused.",
        ),
        (
            EncodeResult(0, encoded=0, encoded_before=0, dead_letters=0, predict_calls=0, seconds=0.0),
            "Part 0: 0 texts encoded in 0 s (0 predict calls), 0 were encoded by an earlier attempt, 0 refused.",
        ),
        (
            IndexResult(1, indexed=10, deleted=2, dead_letters=0, bytes=1_500_000, seconds=2.4, empty={"v": 1}),
            "Part 1: 10 documents written, 1 of them with an empty vector, and 2 deleted in 2 s (1.5 MB sent), 0 refused.",
        ),
        (
            BOOKS,
            "The books close: 1,010 rows read = 1,000 unchanged + 7 encoded + 1 blank + 2 dead letters. The candidate holds "
            "1,008 documents (3 deleted) and is green.",
        ),
        (
            EncoderReport([], {"f": UsedModel("toy", "1.0", "m", 2)}),
            "Nothing speaks against encoding with toy 1.0 on 2 node(s): 0 checks.",
        ),
        (GATE, "The gate refuses nothing of 9 documents (the live index has 8): 1 pass, 2 skipped."),
        (Promotion("b2", None, 9), "b2 is live with 9 documents (it is the first)."),
        (Promotion("b2", "b1", 9, 8), "b2 is live with 9 documents (before: b1, 8 documents)."),
        (Promotion("b2", "b1", 9), "b2 is live with 9 documents (before: b1, an unknown number of documents)."),
        (Tidied([], []), "Kept for going back: none. Deleted: none."),
        (Tidied(["b1"], ["b0 stays"], ["b2"]), "Kept for going back: b2. Deleted: b1. b0 stays."),
        (
            ShardScan(shard=shard(3, "a.parquet", 1_000), manifest="m", rows=1_000),
            "Shard 3: 1,000 rows of a.parquet, read and hashed.",
        ),
        (
            ShardScan(shard=shard(3, "a.parquet", 1_000), manifest="m", rows=1_000, is_new=False),
            "Shard 3: 1,000 rows of a.parquet, as an earlier run read them: nothing was read again.",
        ),
    ],
)
def test_a_stage_says_how_it_ended(ended: object, sentence: str) -> None:
    assert str(ended) == sentence


def test_files_count_once_however_they_are_cut() -> None:
    shards = [shard(0, "a", 600), shard(1, "a", 500), shard(2, "b", 30, files=4)]
    assert shards_in_words(shards) == "5 file(s) with 1,130 rows in 3 shard(s), of 600 rows at most."
