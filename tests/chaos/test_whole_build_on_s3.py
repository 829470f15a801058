"""P3 where store and corpus are in a bucket: a whole build is killed while it encodes; the next run goes on from the vectors that
are there, although the store tells it to slow down, and ends as an undisturbed build."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import PurePosixPath

import pyarrow as pa
import pytest

import victims
from chaos_table import ChaosTable
from faulty_proxy import FaultyProxy
from promises import check_promises
from real_builds import SCHEMA, MakeConfig, documents, rows, write_corpus
from s3_server import BUCKET, S3, SLOW_DOWN, Fault
from sparse_index import pipeline
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.store.files import Store
from sparse_index.vectors.files import vector_paths

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
COUNT = 160
CHUNK = 32
SLOW_EVERY = 100

Refuse = Callable[[str], Fault | None]


def request() -> RunRequest:
    return RunRequest(run_id="test", data_date=datetime.now(UTC).date(), probe=False)


def in_bucket(config: CorpusConfig) -> CorpusConfig:
    """The same with store and corpus there."""
    place = Store(f"s3://{BUCKET}/{config.alias}")
    place.write_table("corpus.parquet", pa.Table.from_pylist(rows(COUNT), schema=SCHEMA), 40)
    source = config.source.model_copy(update={"uri": place.full("corpus.parquet")})
    return config.model_copy(update={"store": place.full("store"), "source": source})


def killed_at_chunk(number: int, victim: Future[BaseProcess]) -> Refuse:
    """SIGKILL of the one that puts so many chunks into the bucket, of which the last does not arrive."""
    seen = count(1)

    def refuse(asked: str) -> Fault | None:
        is_chunk = asked.startswith("PUT") and "/vectors/" in asked and "-c" in PurePosixPath(asked).name
        if not (is_chunk and next(seen) == number):
            return None
        victim.result().kill()
        return SLOW_DOWN

    return refuse


def each(number: int, fault: Fault) -> Refuse:
    """Every so many requests."""
    asked = count(1)
    return lambda _: None if next(asked) % number else fault


def test_a_whole_build_in_a_bucket_goes_on_after_a_kill(
    plain_cluster: Cluster, proxy: FaultyProxy, model_id: str, make_config: MakeConfig, s3: S3, chaos_table: ChaosTable
) -> None:
    # Small requests: at most one chunk, waiting and in flight together, is then in memory at any time.
    encoder = {"model": {"source": "model_id", "model_id": model_id}, "chunk_docs": CHUNK, "docs_per_request": 4}
    twin, config = make_config("twin", encoder=encoder), in_bucket(make_config("bucket", encoder=encoder))
    write_corpus(twin, rows(COUNT))
    calm = pipeline.run(plain_cluster, twin, Store(twin.store), request())
    store = Store(config.store)

    with chaos_table.line("SIGKILL of a whole build in an S3 store, which then says SlowDown now and then") as line:
        victim: Future[BaseProcess] = Future()
        s3.refuse = killed_at_chunk(3, victim)
        victim.set_result(victims.started(victims.run, proxy.settings, config, request()))
        assert not victims.ended_well(victim.result())
        kept = sum(store.metadata(path).num_rows for path in vector_paths(store, calm.plan.fingerprint))
        lost = proxy.texts_together - kept
        assert kept
        assert 0 < lost <= CHUNK, f"{lost} texts are encoded again"

        s3.refuse = each(SLOW_EVERY, SLOW_DOWN)
        done = pipeline.run(plain_cluster, config, store, request())
        s3.refuse = lambda _: None
        assert (done.receipt["outcome"], done.plan.counts.texts_to_encode) == ("promoted", COUNT - kept)
        check_promises(plain_cluster, store, done.plan, documents(plain_cluster, calm.plan.alias))
        line.result = "run again: the documents of an undisturbed build"
        line.again = str(lost)
