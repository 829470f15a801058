"""A corpus behind a web server: a change is noticed by what the server says of the file, or the corpus is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from misbehaving_servers import Quiet, serving
from plan_help import config_at, plan_shards, row, write
from sparse_index.corpus.parquet import file_version
from sparse_index.corpus.scan import scan_shard
from sparse_index.errors import CorpusError
from sparse_index.store import Store

MONDAY, TUESDAY = "Mon, 05 Jan 2026 06:00:00 GMT", "Tue, 06 Jan 2026 06:00:00 GMT"


@contextmanager
def web_server(path: Path, headers: dict[str, str]) -> Iterator[str]:
    """The address of a file, sent with `headers`, which the test may change."""

    class Handler(Quiet):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            content = path.read_bytes()
            first, last = 0, len(content) - 1
            if asked := self.headers.get("Range"):
                first, last = (int(number) for number in asked.removeprefix("bytes=").split("-"))
            part = content[first : last + 1]
            self.send_response(206 if asked else 200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(part)))
            self.send_header("Accept-Ranges", "bytes")
            if asked:
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
            self.end_headers()
            if body:
                self.wfile.write(part)

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}/a.parquet"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"ETag": '"one"', "Last-Modified": MONDAY}, {"ETag": '"two"', "Last-Modified": MONDAY}),
        ({"Last-Modified": MONDAY}, {"Last-Modified": TUESDAY}),
    ],
    ids=["etag", "last modified"],
)
def test_a_file_that_changes_is_noticed(tmp_path: Path, before: dict[str, str], after: dict[str, str]) -> None:
    headers = dict(before)
    write(tmp_path, [row(1)])
    with web_server(tmp_path / "a.parquet", headers) as uri:
        config = config_at(tmp_path, source={"uri": uri})
        (shard,) = plan_shards(config)
        store = Store(config.store)
        scan = scan_shard(config, store, shard)
        assert store.read_table(scan.manifest)["id"].to_pylist() == ["d1"]
        store.delete(scan.manifest)
        headers.update(after)
        with pytest.raises(CorpusError, match=r"a\.parquet changed while the build was running"):
            scan_shard(config, store, shard)


def test_a_file_of_another_length_is_noticed(tmp_path: Path) -> None:
    headers = {"Last-Modified": MONDAY}
    write(tmp_path, [row(1)])
    with web_server(tmp_path / "a.parquet", headers) as uri:
        before = file_version(uri)
        write(tmp_path, [row(number) for number in range(50)])
        assert file_version(uri) != before


def test_a_server_that_tells_nothing_of_its_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [row(1)])
    with (
        web_server(tmp_path / "a.parquet", {}) as uri,
        pytest.raises(CorpusError, match=r"a\.parquet: its server sends neither ETag nor Last-Modified"),
    ):
        plan_shards(config_at(tmp_path, source={"uri": uri}))
