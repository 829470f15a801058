"""Fetches locked packages: several at a time, resumable, each one verified before it counts as there."""

import hashlib
import os
import ssl
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import requests
from jgo.maven import MavenContext

from local_cluster.cache import FreeBytes, free_bytes, full_disk_named, require_room
from local_cluster.errors import DOCKER_HINT, TRUST_HINT, CorruptDownloadError, DownloadError, UntrustedError
from local_cluster.lock import Artifact
from local_cluster.progress import ByteProgress

PARALLEL_DOWNLOADS = 4
BLOCK_BYTES = 64 * 1024
CONNECT_AND_READ_TIMEOUT_S = (10, 60)
TRUST_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def _is_untrusted(error: BaseException | None) -> bool:
    """Whether a certificate was looked at and refused; a handshake that was cut short passes."""
    if error is None or isinstance(error, ssl.SSLCertVerificationError):
        return error is not None
    return _is_untrusted(error.__cause__ or error.__context__)


def default_repository() -> str:
    """$SPARSE_INDEX_MAVEN_REPOSITORY (a mirror), or the public one that jgo uses."""
    return os.environ.get("SPARSE_INDEX_MAVEN_REPOSITORY") or next(iter(MavenContext().remote_repos.values()))


def trusted_authorities() -> str | bool:
    """The file with the authorities that downloads trust, as requests and the usual tools name it; True: the usual ones.

    UntrustedError if there is no such file.
    """
    for variable in TRUST_VARIABLES:
        path = os.environ.get(variable)
        if path and not Path(path).exists():
            raise UntrustedError(f"{variable} names {path}, which is not there. Correct it, or unset it. {DOCKER_HINT}")
        if path:
            return path
    return True


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


@dataclass(frozen=True)
class Downloader:
    """Fetches packages of `repository` into `folder`, which mirrors the repository's layout.

    subject: what they are, for messages.
    """

    repository: str
    folder: Path
    attempts: int = 4
    pause_s: float = 2.0
    free: FreeBytes = free_bytes
    subject: str = "OpenSearch"

    def path_of(self, artifact: Artifact) -> Path:
        return self.folder / artifact.path

    def fetch_all(self, artifacts: Sequence[Artifact]) -> None:
        """Afterwards every artifact is in the folder, verified when it was fetched.

        DownloadError, CorruptDownloadError or DiskFullError if that cannot be had.
        """
        missing = [artifact for artifact in artifacts if not self.path_of(artifact).exists()]
        if not missing:
            return
        total_bytes = sum(artifact.size_bytes for artifact in missing)
        purpose = f"The download of {self.subject}"
        require_room(self.folder, total_bytes, purpose, self.free)
        with (
            full_disk_named(self.folder, purpose),
            ByteProgress(total_bytes, f"Downloading {self.subject}") as progress,
        ):
            self._fetch_in_parallel(missing, progress)

    def _fetch_in_parallel(self, artifacts: Sequence[Artifact], progress: ByteProgress) -> None:
        largest_first = sorted(artifacts, key=lambda artifact: -artifact.size_bytes)
        abandoned = threading.Event()
        with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
            futures = [pool.submit(self._fetch, artifact, progress, abandoned) for artifact in largest_first]
            try:
                for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                    future.result()
            finally:
                # After a failure or Ctrl-C nobody should wait for hundreds of megabytes that are still on their way.
                abandoned.set()
                pool.shutdown(wait=False, cancel_futures=True)

    def _fetch(self, artifact: Artifact, progress: ByteProgress, abandoned: threading.Event) -> None:
        target = self.path_of(artifact)
        part = target.with_name(f"{target.name}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        for remaining in reversed(range(self.attempts)):
            try:
                self._continue(artifact, part, progress, abandoned)
                self._verify(artifact, part, progress)
                part.rename(target)
                return
            except (requests.RequestException, CorruptDownloadError) as error:
                if not remaining or _is_untrusted(error):
                    raise self._translated(artifact, error) from error
                progress.advance(-_size(part))
                abandoned.wait(self.pause_s)

    def _continue(self, artifact: Artifact, part: Path, progress: ByteProgress, abandoned: threading.Event) -> None:
        """Append what is missing to the .part file; from the start where the server cannot do ranges."""
        have_bytes = _size(part)
        progress.advance(have_bytes)
        if have_bytes >= artifact.size_bytes:
            return
        url = f"{self.repository.rstrip('/')}/{artifact.path}"
        headers = {"Range": f"bytes={have_bytes}-"} if have_bytes else {}
        trusted, timeout_s = trusted_authorities(), CONNECT_AND_READ_TIMEOUT_S
        with requests.get(url, headers=headers, stream=True, timeout=timeout_s, verify=trusted) as response:
            response.raise_for_status()
            resumed = response.status_code == requests.codes.partial_content
            progress.advance(0 if resumed else -have_bytes)
            with part.open("ab" if resumed else "wb") as file:
                for block in response.iter_content(BLOCK_BYTES):
                    if abandoned.is_set():
                        raise CancelledError
                    file.write(block)
                    progress.advance(len(block))

    def _verify(self, artifact: Artifact, part: Path, progress: ByteProgress) -> None:
        found = sha256_of(part)
        if found == artifact.sha256:
            return
        progress.advance(-_size(part))
        part.unlink()
        raise CorruptDownloadError(
            f"{artifact.path}: the lock file names sha256 {artifact.sha256}, the downloaded file has {found}. "
            f"It was removed. Try again; if it stays so, a proxy or mirror changes the file. {DOCKER_HINT}"
        )

    def _translated(self, artifact: Artifact, error: Exception) -> DownloadError:
        if isinstance(error, CorruptDownloadError):
            return error
        if _is_untrusted(error):
            return UntrustedError(
                f"The certificate of {self.repository} is not trusted ({error}). {TRUST_HINT} {DOCKER_HINT}"
            )
        return DownloadError(
            f"Could not download {artifact.filename} after {self.attempts} attempts: {error}. "
            f"Check the network (or set SPARSE_INDEX_MAVEN_REPOSITORY to a mirror that you can reach) and run "
            f"the same command again: it goes on where it stopped. {DOCKER_HINT}"
        )
