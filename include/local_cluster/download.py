"""Fetches locked packages: several at a time, resumable, each one verified before it counts as there."""

import hashlib
import os
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import requests
from jgo.maven import MavenContext
from tqdm import tqdm

from local_cluster.cache import require_room
from local_cluster.errors import DOCKER_HINT, CorruptDownloadError, DownloadError
from local_cluster.lock import Artifact

PARALLEL_DOWNLOADS = 4
ATTEMPTS = 4
BLOCK_BYTES = 256 * 1024
CONNECT_READ_TIMEOUT_S = (10, 60)
QUIET_INTERVAL_S = 15


def default_repository() -> str:
    """$SPARSE_INDEX_MAVEN_REPOSITORY (a mirror), or the public one that jgo uses."""
    return os.environ.get("SPARSE_INDEX_MAVEN_REPOSITORY") or next(iter(MavenContext().remote_repos.values()))


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Downloader:
    """Fetches packages of `repository` into `folder`, which mirrors the repository's layout."""

    repository: str
    folder: Path
    session: requests.Session = field(default_factory=requests.Session)

    def path_of(self, artifact: Artifact) -> Path:
        return self.folder / artifact.path

    def missing(self, artifacts: Sequence[Artifact]) -> list[Artifact]:
        return [artifact for artifact in artifacts if not self.path_of(artifact).exists()]

    def fetch_all(self, artifacts: Sequence[Artifact]) -> None:
        """Every artifact is in the folder afterwards; DownloadError, CorruptDownloadError or DiskFullError if not."""
        missing = self.missing(artifacts)
        total_bytes = sum(artifact.size_bytes for artifact in missing)
        if not missing:
            return
        require_room(self.folder, total_bytes, "The download of OpenSearch")
        with Progress(total_bytes) as progress, ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
            largest_first = sorted(missing, key=lambda artifact: -artifact.size_bytes)
            futures = [pool.submit(self.fetch, artifact, progress) for artifact in largest_first]
            try:
                for future in futures:
                    future.result()
            except DownloadError:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def fetch(self, artifact: Artifact, progress: "Progress") -> None:
        """Fetch one package, going on with what an earlier attempt left in its .part file."""
        target = self.path_of(artifact)
        part = target.with_name(f"{target.name}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._continue(artifact, part, progress)
                self._verify(artifact, part)
            except (requests.RequestException, CorruptDownloadError) as error:
                self._give_up_if_last(artifact, attempt, error)
                continue
            part.rename(target)
            return
