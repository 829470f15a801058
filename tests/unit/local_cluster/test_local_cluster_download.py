"""Downloads: verified, resumed, and clear about what went wrong. Against a real HTTP server on loopback."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cluster.download import Downloader, default_repository
from local_cluster.errors import CorruptDownloadError, DiskFullError, DownloadError
from misbehaving_servers import hanging_up
from package_server import SLOW_BYTES_PER_S, PackageServer, artifact, package_server

CONTENT = os.urandom(700_000)


@pytest.fixture
def packages() -> Iterator[PackageServer]:
    with package_server() as server:
        yield server


def downloader(url: str, folder: Path) -> Downloader:
    return Downloader(url, folder, attempts=3, pause_s=0.01)


def test_every_package_arrives_whole(packages: PackageServer, tmp_path: Path) -> None:
    wanted = [packages.add(artifact(f"a{n}", CONTENT[n:]), CONTENT[n:]) for n in range(9)]
    fetcher = downloader(packages.url, tmp_path)
    fetcher.fetch_all(wanted)
    assert [fetcher.path_of(each).read_bytes() for each in wanted] == [CONTENT[n:] for n in range(9)]
    assert not list(tmp_path.rglob("*.part"))


def test_what_is_there_is_not_fetched_again(packages: PackageServer, tmp_path: Path) -> None:
    wanted = [packages.add(artifact("a", CONTENT), CONTENT)]
    downloader(packages.url, tmp_path).fetch_all(wanted)
    downloader(packages.url, tmp_path).fetch_all(wanted)
    assert len(packages.requests) == 1


def test_a_cut_download_goes_on_where_it_stopped(packages: PackageServer, tmp_path: Path) -> None:
    packages.cut_after_bytes = 300_000
    wanted = packages.add(artifact("a", CONTENT), CONTENT)
    fetcher = downloader(packages.url, tmp_path)
    fetcher.fetch_all([wanted])
    (_, first), (_, second) = packages.requests
    assert first is None
    assert second is not None
    assert 0 < int(second.removeprefix("bytes=").rstrip("-")) <= 300_000
    assert fetcher.path_of(wanted).read_bytes() == CONTENT


def test_a_part_file_of_an_earlier_process_is_continued(packages: PackageServer, tmp_path: Path) -> None:
    wanted = packages.add(artifact("a", CONTENT), CONTENT)
    fetcher = downloader(packages.url, tmp_path)
    part = fetcher.path_of(wanted).with_name("a-1.0.jar.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:1234])
    fetcher.fetch_all([wanted])
    assert packages.requests == [(str(wanted.path), "bytes=1234-")]
    assert fetcher.path_of(wanted).read_bytes() == CONTENT


def test_a_server_without_ranges_sends_it_all_again(packages: PackageServer, tmp_path: Path) -> None:
    packages.cut_after_bytes, packages.knows_ranges = 300_000, False
    wanted = packages.add(artifact("a", CONTENT), CONTENT)
    fetcher = downloader(packages.url, tmp_path)
    fetcher.fetch_all([wanted])
    assert fetcher.path_of(wanted).read_bytes() == CONTENT


def test_a_damaged_part_file_is_thrown_away_and_fetched_anew(packages: PackageServer, tmp_path: Path) -> None:
    wanted = packages.add(artifact("a", CONTENT), CONTENT)
    fetcher = downloader(packages.url, tmp_path)
    part = fetcher.path_of(wanted).with_name("a-1.0.jar.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"X" + CONTENT[1:2000])
    fetcher.fetch_all([wanted])
    assert fetcher.path_of(wanted).read_bytes() == CONTENT


def test_a_file_that_differs_from_the_lock_is_refused(packages: PackageServer, tmp_path: Path) -> None:
    wanted = artifact("a", CONTENT)
    packages.add(wanted, bytes([CONTENT[0] ^ 1]) + CONTENT[1:])
    fetcher = downloader(packages.url, tmp_path)
    with pytest.raises(CorruptDownloadError, match=wanted.sha256) as caught:
        fetcher.fetch_all([wanted])
    assert "docker-compose.yaml" in str(caught.value)
    assert not list(tmp_path.rglob("*.jar*"))


def test_no_network_says_which_file_and_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(DownloadError, match=r"Could not download a-1\.0\.jar after 3 attempts") as caught:
        downloader(url, tmp_path).fetch_all([artifact("a", CONTENT)])
    assert "SPARSE_INDEX_MAVEN_REPOSITORY" in str(caught.value)
    assert "docker-compose.yaml" in str(caught.value)


def test_a_package_that_the_repository_lacks_is_named(packages: PackageServer, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"a-1\.0\.jar.*404"):
        downloader(packages.url, tmp_path).fetch_all([artifact("a", CONTENT)])


def test_a_failure_does_not_wait_for_the_other_downloads(packages: PackageServer, tmp_path: Path) -> None:
    content = bytes(60 * SLOW_BYTES_PER_S)
    slow = packages.add(artifact("slow", content), content)
    packages.slow_paths.add(str(slow.path))
    fetcher = Downloader(packages.url, tmp_path, attempts=2, pause_s=0.5)
    began = time.monotonic()
    with pytest.raises(DownloadError, match=r"absent-1\.0\.jar.*404"):
        fetcher.fetch_all([slow, artifact("absent", CONTENT)])
    assert time.monotonic() - began < 50  # the slow one alone takes a minute
    part = fetcher.path_of(slow).with_name("slow-1.0.jar.part")
    assert 0 < part.stat().st_size < len(content)


def test_too_little_room_is_said_before_the_download(packages: PackageServer, tmp_path: Path) -> None:
    fetcher = Downloader(packages.url, tmp_path, free=lambda path: 10_000)
    with pytest.raises(DiskFullError, match="SPARSE_INDEX_CACHE"):
        fetcher.fetch_all([packages.add(artifact("a", CONTENT), CONTENT)])
    assert packages.requests == []


def test_a_disk_that_fills_up_meanwhile_is_named(packages: PackageServer, tmp_path: Path) -> None:
    wanted = packages.add(artifact("a", CONTENT), CONTENT)
    fetcher = downloader(packages.url, tmp_path)
    part = fetcher.path_of(wanted).with_name("a-1.0.jar.part")
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")  # every write to it fails with "no space left on device"
    with pytest.raises(DiskFullError, match="filled the disk"):
        fetcher.fetch_all([wanted])


def test_the_mirror_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARSE_INDEX_MAVEN_REPOSITORY", "http://127.0.0.1:1/mirror")
    assert default_repository() == "http://127.0.0.1:1/mirror"
    monkeypatch.delenv("SPARSE_INDEX_MAVEN_REPOSITORY")
    assert default_repository().startswith("https://")


def test_a_handshake_that_is_cut_short_is_tried_again(tmp_path: Path) -> None:
    callers: list[bytes] = []
    with hanging_up(callers) as port, pytest.raises(DownloadError, match="after 3 attempts") as told:
        downloader(f"https://127.0.0.1:{port}", tmp_path).fetch_all([artifact("a", CONTENT)])
    assert (type(told.value), len(callers)) == (DownloadError, 3)
