"""P3 with the store on an S3: builds whose process is killed, or whose credentials end, as a file is about to be stored."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from uuid import uuid4

import pytest

import victims
from chaos_table import ChaosTable
from faulty_proxy import FaultyProxy
from promises import check_promises
from real_builds import MakeConfig, Row, documents, rows, write_corpus
from s3_server import ACCOUNT, BUCKET, EXPIRED, S3, SLOW_DOWN, Fault
from sparse_index.builds.plan import BuildKind
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import UnavailableError
from sparse_index.live.alias import observe_alias
from sparse_index.store.files import Store
from under_fire import run

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
COUNT, CHANGED, CHUNK = 24, 12, 8


def edition(number: int) -> list[Row]:
    """Each has other texts in the first rows."""
    return [row | {"body": f"edition {number} of {n}"} if n < CHANGED else row for n, row in enumerate(rows(COUNT))]


@pytest.fixture
def on_disk(make_config: MakeConfig) -> CorpusConfig:
    return make_config("s3", encoder={"chunk_docs": CHUNK, "docs_per_request": 4})


@pytest.fixture
def config(on_disk: CorpusConfig, make_config: MakeConfig) -> CorpusConfig:
    return on_disk.model_copy(update={"store": f"s3://{BUCKET}/{uuid4().hex}"})


def killed_when(s3: S3, proxy: FaultyProxy, config: CorpusConfig, stores: Callable[[str], bool]) -> None:
    """Run a build; its process is killed by its first request that `stores`, which then does nothing."""
    victim: Future[BaseProcess] = Future()

    def decide(request: str) -> Fault | None:
        if not stores(request):
            return None
        victim.result().kill()
        return SLOW_DOWN

    s3.refuse = decide
    environment = ACCOUNT | {"AWS_ENDPOINT_URL": s3.url}
    request = RunRequest(run_id="test", data_date=datetime.now(UTC).date())
    victim.set_result(victims.started(victims.run_with, environment, proxy.settings, config, request))
    assert not victims.ended_well(victim.result())
    s3.refuse = lambda request: None


def test_builds_that_are_stopped_while_a_file_is_stored(
    plain_cluster: Cluster,
    proxy: FaultyProxy,
    s3: S3,
    on_disk: CorpusConfig,
    config: CorpusConfig,
    chaos_table: ChaosTable,
) -> None:
    """A first build is killed in its second chunk of vectors; in a delta the credentials expire in the first."""
    store = Store(config.store)
    with chaos_table.line("SIGKILL of a build with its store on S3; credentials that expire in the next", 2) as line:
        write_corpus(config, edition(0))
        killed_when(s3, proxy, config, first_after(1, is_chunk))
        first = run(Cluster.connect(proxy.settings), config)
        check_promises(plain_cluster, store, first)
        again = proxy.texts_together - COUNT
        assert 0 <= again <= CHUNK, "P3: more than one chunk was encoded again"
        line.again = str(again)

        write_corpus(config, edition(1))
        s3.refuse = from_then_on(EXPIRED, is_chunk)
        with pytest.raises(UnavailableError, match=r"credentials have expired.*A new attempt asks for new ones"):
            run(plain_cluster, config)
        s3.refuse = lambda request: None
        assert observe_alias(plain_cluster, config.alias).members == (first.candidate,)
        second = run(plain_cluster, config)
        assert second.kind is BuildKind.DELTA
        write_corpus(on_disk, edition(1))
        run(plain_cluster, on_disk)
        check_promises(plain_cluster, store, second, documents(plain_cluster, on_disk.alias))
        line.result = "run again: the documents and vectors of a corpus with its store on disk"


def is_chunk(request: str) -> bool:
    return request.startswith("PUT") and "-p00000-c" in request


def first_after(many: int, fits: Callable[[str], bool]) -> Callable[[str], bool]:
    """So many requests that fit are let through."""
    left = [None] * many

    def decide(request: str) -> bool:
        if fits(request) and left:
            left.pop()
            return False
        return fits(request)

    return decide


def from_then_on(fault: Fault, fits: Callable[[str], bool]) -> Callable[[str], Fault | None]:
    """Every request gets it, from the first on that fits."""
    begun: list[str] = []

    def decide(request: str) -> Fault | None:
        if fits(request):
            begun.append(request)
        return fault if begun else None

    return decide
