"""An object store that is slow, late, closed or half written becomes one of our errors, or is not noticed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import fsspec
import numpy as np
import pyarrow as pa
import pytest
import s3fs
from duckdb import DuckDBPyConnection

from build_plans import corpus_config, make_plan
from s3_server import BUCKET, DENIED, EXPIRED, S3, SLOW_DOWN, WRONG_KEY, WRONG_SECRET, Fault, client_of
from sparse_index import pipeline
from sparse_index.builds.ending import Ending, Stage
from sparse_index.corpus.listing import list_parquet
from sparse_index.errors import AccessError, ConfigError, SparseIndexError, UnavailableError
from sparse_index.preflight.findings import Findings
from sparse_index.preflight.storage import check_store
from sparse_index.store.files import Store
from sparse_index.store.sql import connect, copy_to, parquet

INCLUDE = Path(__file__).parents[3] / "include"
LARGE = 101 * 1024 * 1024  # above what s3fs sends in one request
UPLOAD = """
import os, sys
from sparse_index.preflight.findings import Findings
from sparse_index.preflight.storage import check_store
from sparse_index.store.files import Store
with Store(sys.argv[1]).writing("a/large") as local:
    local.touch()
    os.truncate(local, int(sys.argv[2]))
"""


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what never gets better: nobody waits for it."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)


@pytest.fixture
def store(s3: S3) -> Store:
    return Store(f"s3://{BUCKET}/{uuid.uuid4().hex}")


def first(count: int, fault: Fault) -> Callable[[str], Fault | None]:
    """So many requests are refused, then none."""
    left = [fault] * count
    return lambda request: left.pop() if left else None


def test_slow_down_is_waited_for(s3: S3, store: Store) -> None:
    s3.refuse = first(3, SLOW_DOWN)
    store.write_bytes("a", b"1")
    assert store.read_bytes("a") == b"1"


def use(store: Store) -> list[Callable[[], object]]:
    table = pa.table({"n": [1]})
    return [
        lambda: store.write_bytes("a", b"2"),
        lambda: store.write_table("t.parquet", table),
        lambda: store.read_bytes("a"),
        lambda: store.read_table("a.parquet"),
        lambda: store.files(""),
        store.listing,
        lambda: store.folders(""),
        lambda: store.exists("a"),
        lambda: store.stat("a"),
        lambda: store.delete("a"),
        lambda: query(store),
    ]


def query(store: Store) -> object:
    with connect(store) as con:
        return con.execute(f"SELECT sum(n) FROM {parquet(store, ['a.parquet'])}").fetchall()


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (SLOW_DOWN, UnavailableError, "cannot be (used|queried) for now.*Service Unavailable|for now.*SlowDown"),
        (EXPIRED, UnavailableError, "credentials have expired.*new attempt|for now.*Bad Request"),
        (DENIED, AccessError, "no permission.*docs/deploy.md"),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else None,
)
@pytest.mark.usefixtures("hurried")
def test_whatever_is_refused_is_said_in_our_words(
    s3: S3, fault: Fault, error: type[SparseIndexError], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = fresh(monkeypatch)
    store.write_bytes("a", b"1")
    store.write_table("a.parquet", pa.table({"n": [1]}))
    s3.refuse = lambda request: fault
    for number, act in enumerate(use(store)):
        with pytest.raises(error, match=says):
            pytest.fail(f"call {number} gave {act()!r}")
    s3.refuse = lambda request: None
    assert store.read_bytes("a") == b"1"
    assert store.files("") == ["a", "a.parquet"]


def test_a_file_that_no_listing_shows_yet_is_there(s3: S3, store: Store) -> None:
    store.write_bytes("b/old", b"1")
    store.write_bytes("b/new", b"1")
    s3.unlisted.add(f"{store.root_uri.removeprefix(f's3://{BUCKET}/')}/b/new")
    assert store.files("") == ["b/old"]
    assert store.exists("b/new")
    assert store.read_bytes("b/new") == b"1"


def test_a_folder_of_a_corpus_that_a_bucket_does_not_list_is_not_passed_over(s3: S3, store: Store) -> None:
    """A pattern is followed folder by folder."""
    for country in ("AT", "DE"):
        store.write_table(f"{country}/a.parquet", pa.table({"id": ["x"]}))
    assert len(list_parquet(f"{store.root_uri}/*/a.parquet").files) == 2
    s3.refuse = lambda request: DENIED if "list-type=2" in request and "AT" in request else None
    with pytest.raises(AccessError, match="no permission"):
        list_parquet(f"{store.root_uri}/*/a.parquet")


def test_a_bucket_that_is_not_there_is_said(s3: S3) -> None:
    with pytest.raises(ConfigError, match="/store/a cannot be written: The specified bucket does not exist"):
        Store("s3://nosuch/store").write_bytes("a", b"1")


@pytest.mark.usefixtures("hurried")
def test_a_store_that_is_down_is_said(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    store = Store(f"s3://{BUCKET}/down")
    down = s3fs.S3FileSystem(endpoint_url=f"http://127.0.0.1:{port}", skip_instance_cache=True)
    monkeypatch.setattr(store, "filesystem", down)
    for act in use(store):
        with pytest.raises(UnavailableError, match=f"cannot be (used|queried) for now.*127.0.0.1:{port}"):
            act()


def test_who_has_no_credentials_is_told(s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    nowhere = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path),
    }
    for name, value in nowhere.items():
        monkeypatch.setenv(name, value)
    store = Store(f"s3://{BUCKET}/nobody")
    monkeypatch.setattr(store, "filesystem", s3fs.S3FileSystem(skip_instance_cache=True))
    with pytest.raises(AccessError, match="Unable to locate credentials"):
        store.write_bytes("a", b"1")


class Role(BaseHTTPRequestHandler):
    """Gives whoever asks the credentials of a role, as an instance or a pod has them: a new key each time."""

    given: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.given.append(f"key-{len(self.given)}")
        ends = datetime.now(UTC) + (timedelta(seconds=1) if len(self.given) == 1 else timedelta(hours=6))
        answer = {"AccessKeyId": self.given[-1], "SecretAccessKey": "s", "Token": "t", "Expiration": ends.isoformat()}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def role(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The worker has a role in place of keys; gives the keys that it had so far."""
    Role.given.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Role) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{server.server_port}/role")
        yield Role.given
        server.shutdown()


def test_credentials_of_a_role_are_renewed_in_mid_run(s3: S3, role: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody notices that the store takes the former ones no more."""
    store = fresh(monkeypatch)
    store.write_table("a.parquet", pa.table({"n": [1, 2]}))
    former = len(s3.keys)
    s3.refuse = lambda _: EXPIRED if s3.keys[-1] == role[0] else None
    assert store.read_table("a.parquet").num_rows == 2
    assert query(store) == [(3,)]
    store.delete("a.parquet")
    assert role[0] not in s3.keys[former:]


@pytest.mark.parametrize("fault", [WRONG_KEY, WRONG_SECRET], ids=lambda fault: fault[1])
@pytest.mark.usefixtures("hurried")
def test_who_has_wrong_keys_is_told_by_the_store_and_by_preflight(
    s3: S3, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = fresh(monkeypatch)
    s3.refuse = lambda request: fault
    with pytest.raises(AccessError, match=rf"credentials are refused \({fault[1]}.*Correct the keys.*AWS_ENDPOINT_URL"):
        store.write_bytes("a", b"1")
    assert re.search("cannot be written.*credentials are refused.*as the workers have them", storage_problem(store))


@pytest.mark.usefixtures("hurried")
def test_an_account_that_may_only_read_is_told_before_anything_is_made(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    store = fresh(monkeypatch)
    store.write_bytes("a", b"1")
    s3.refuse = lambda request: None if request.startswith(("GET", "HEAD")) else DENIED
    assert store.read_bytes("a") == b"1"
    words = r"no permission \(AccessDenied.*What the account of the workers needs: docs/deploy.md"
    with pytest.raises(AccessError, match=words):
        store.write_bytes("b", b"1")
    assert re.search(rf"cannot be written.*{words}", storage_problem(store))


def fresh(monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with a connection of its own, which does as `hurried` says."""
    store = Store(f"s3://{BUCKET}/{uuid.uuid4().hex}")
    monkeypatch.setattr(store, "filesystem", s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False))
    return store


def storage_problem(store: Store) -> str:
    """What preflight says of it."""
    findings = Findings()
    check_store(findings, corpus_config("tickets", store.root_uri), store, workers_share_files=False)
    (problem,) = findings.problems
    return problem.message


def test_a_file_that_a_listing_still_shows_is_gone(s3: S3, store: Store) -> None:
    store.write_table("v/1.parquet", pa.table({"n": [1]}))
    store.write_table("v/2.parquet", pa.table({"n": [1]}))
    store.delete("v/2.parquet")
    s3.still_listed.add(f"{store.root_uri.removeprefix(f's3://{BUCKET}/')}/v/2.parquet")
    listed = store.files("v")
    assert listed == ["v/1.parquet", "v/2.parquet"]
    assert not store.exists("v/2.parquet")
    assert store.stat("v/2.parquet") is None
    store.delete("v/2.parquet")
    words = r"(?s)for now.*No files found.*/2\.parquet.*run this again"
    with pytest.raises(UnavailableError, match=words), connect(store) as con:
        con.execute(f"SELECT sum(n) FROM {parquet(store, listed)}").fetchall()


def test_of_two_writers_that_race_one_file_is_there_and_it_is_whole(s3: S3, store: Store) -> None:
    """Whoever ends last: one writes in parts and the other at once, between two of them."""
    other = client_of(s3)
    key = f"{store.root_uri.removeprefix(f's3://{BUCKET}/')}/a/large"
    seen: list[bytes] = []

    def race(request: str) -> Fault | None:
        if request.startswith("PUT") and "partNumber=2" in request and not seen:
            other.put_object(Bucket=BUCKET, Key=key, Body=b"small")
            seen.append(content(other, key))
        return None

    s3.refuse = race
    with store.writing("a/large") as local:
        local.touch()
        os.truncate(local, LARGE)
    assert seen == [b"small"]
    stored = store.stat("a/large")
    assert stored is not None
    assert stored.size_bytes == LARGE
    other.put_object(Bucket=BUCKET, Key=key, Body=b"small")
    assert store.read_bytes("a/large") == b"small"


def content(client: Any, key: str) -> bytes:
    return bytes(client.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def test_who_reads_a_file_while_it_is_replaced_never_reads_half_of_each(s3: S3, store: Store) -> None:
    """Its end tells where its rows are; they are asked for as what was there then."""
    former, later = (pa.table({"n": np.random.default_rng(seed).integers(0, 2**62, 50_000)}) for seed in (1, 2))
    store.write_table("b.parquet", later)
    store.write_table("a.parquet", former)
    other, key = client_of(s3), f"{store.root_uri.removeprefix(f's3://{BUCKET}/')}/a.parquet"
    body = content(other, key.replace("a.parquet", "b.parquet"))
    reads: list[str] = []

    def replace(request: str) -> Fault | None:
        if request.startswith("GET"):
            reads.append(request)
            if len(reads) == 2:
                other.put_object(Bucket=BUCKET, Key=key, Body=body)
        return None

    s3.refuse = replace
    with pytest.raises(UnavailableError, match=r"a\.parquet in the store cannot be used for now"):
        store.read_table("a.parquet")
    assert store.read_table("a.parquet").equals(later), "a new attempt reads what is there now"


def test_a_query_asks_once_what_a_file_is(s3: S3, store: Store) -> None:
    store.write_table("a.parquet", pa.table({"n": [1, 2]}))
    numbers = f"SELECT sum(n) FROM {parquet(store, ['a.parquet'])}"
    s3.seen.clear()
    with connect(store) as con:
        assert [con.execute(numbers).fetchall() for _ in range(5)] == [[(3,)]] * 5
        assert sum(request.startswith("HEAD") for request in s3.seen) == 1
        copy_to(con, store, "SELECT 7 AS n", "a.parquet")
        assert con.execute(numbers).fetchall() == [(7,)], "what it wrote itself"
    store.write_table("a.parquet", pa.table({"n": [8]}))
    assert query(store) == [(8,)], "the next connection"


def test_a_query_of_a_file_that_another_one_replaces_meanwhile_is_refused(s3: S3, store: Store) -> None:
    """Else one half of a plan would be of the former file, and the other of the later one."""
    store.write_table("a.parquet", pa.table({"n": [1, 2]}))
    numbers = f"SELECT sum(n) FROM {parquet(store, ['a.parquet'])}"
    with pytest.raises(UnavailableError, match="cannot be queried for now"), connect(store) as con:
        twice(con, numbers, lambda: store.write_table("a.parquet", pa.table({"n": [8]})))


def twice(con: DuckDBPyConnection, sql: str, between: Callable[[], None]) -> None:
    assert con.execute(sql).fetchall() == [(3,)]
    between()
    pytest.fail(f"it gave {con.execute(sql).fetchall()}")


@pytest.mark.usefixtures("hurried")
def test_a_receipt_that_the_store_refuses_hides_no_failure(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    store = fresh(monkeypatch)
    s3.refuse = lambda request: EXPIRED
    plan = make_plan(corpus_config("tickets", store.root_uri))
    for done in (True, False):
        stages = [Stage("encode", 1.0, done=done, failure=None if done else "the credentials have expired")]
        ending = Ending(outcome="failed", live=None, at=datetime.now(UTC), stages=stages)
        if done:
            with pytest.raises(UnavailableError):
                pipeline._received(store, plan, ending)
        else:
            assert pipeline._received(store, plan, ending) == {}


def test_an_upload_in_parts_that_is_killed_shows_nothing(s3: S3, store: Store) -> None:
    uploading = {"child": 0}

    def kill(request: str) -> Fault | None:
        if request.startswith("PUT") and "partNumber=1" in request:
            os.kill(uploading["child"], signal.SIGKILL)
        return None

    s3.refuse = kill
    environment = os.environ | {"PYTHONPATH": str(INCLUDE)}
    child = subprocess.Popen([sys.executable, "-c", UPLOAD, store.root_uri, str(LARGE)], env=environment)
    uploading["child"] = child.pid
    assert child.wait(60) == -signal.SIGKILL
    s3.refuse = lambda request: None
    assert store.files("") == []
    assert not store.exists("a/large")
    begun = client_of(s3).list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    assert [upload["Key"].rsplit("/", 1)[-1] for upload in begun] == ["large"]
    with store.writing("a/large") as local:
        local.touch()
        os.truncate(local, LARGE)
    stored = store.stat("a/large")
    assert stored is not None
    assert stored.size_bytes == LARGE


def test_nothing_is_remembered_of_a_listing(s3: S3, store: Store) -> None:
    """Another worker, with another connection, writes and deletes meanwhile."""
    assert store.files("") == []
    other = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
    other.pipe_file(store.full("x"), b"1")
    assert store.files("") == ["x"]
    other.rm_file(store.full("x"))
    assert store.files("") == []
    assert not store.exists("x")
