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
from real_builds import MakeConfig, Row, documents, live_plan, rows, write_corpus
from s3_server import ACCOUNT, BUCKET, EXPIRED, S3, SLOW_DOWN, Fault
from sparse_index.builds.plan import BuildKind
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import UnavailableError
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
        if not (request.startswith("PUT") and stores(request)):
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
    """A first build, in its last chunk of vectors; a delta, as it is about to promote; one more, whose credentials end."""
    expected = undisturbed(plain_cluster, on_disk)
    with chaos_table.line("SIGKILL of builds with a store on S3, and credentials that expire in one", 3) as line:
        write_corpus(config, edition(0))
        chunks = first_after(1, lambda request: "-p00000-c" in request)
        killed_when(s3, proxy, config, chunks)
        run(Cluster.connect(proxy.settings), config)
        check_promises(plain_cluster, Store(config.store), live_plan(plain_cluster, config), expected[0])
        again = proxy.texts_together - COUNT
        assert again <= CHUNK, "P3: more than one chunk was encoded again"
        line.again = str(again)

        write_corpus(config, edition(1))
        killed_when(s3, proxy, config, lambda request: "/gate" in request)
        check_promises(plain_cluster, Store(config.store), run(Cluster.connect(proxy.settings), config), expected[1])

        write_corpus(config, edition(2))
        s3.refuse = from_then_on(EXPIRED, lambda request: request.startswith("PUT") and "-p00000-c" in request)
        with pytest.raises(UnavailableError, match=r"credentials have expired.*A new attempt asks for new ones"):
            run(plain_cluster, config)
        s3.refuse = lambda request: None
        plan = run(plain_cluster, config)
        assert plan.kind is BuildKind.DELTA
        check_promises(plain_cluster, Store(config.store), plan, expected[2])
        line.result = "run again: the documents and vectors of a store on disk"


def undisturbed(cluster: Cluster, config: CorpusConfig) -> list[dict[str, Row]]:
    """The documents of each edition, built one after another in a store on disk."""
    found = []
    for number in range(3):
        write_corpus(config, edition(number))
        run(cluster, config)
        found.append(documents(cluster, config.alias))
    return found


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
