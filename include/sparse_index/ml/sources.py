"""Where a model of ours comes from: the cluster's catalogue, an address that the cluster reads, a file that we upload."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, ClassVar

from sparse_index.addresses import showable
from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.encoder import FileModel, OwnModel, PretrainedModel, UrlModel
from sparse_index.corpus.parquet import file_version
from sparse_index.errors import ConfigError, OverloadedError, SparseIndexError
from sparse_index.ml.model_zip import UNREADABLE, opened
from sparse_index.ml.states import ModelState
from sparse_index.ml.waits import Started

SECTION = "plugins.ml_commons"
FROM_URL = f"{SECTION}.allow_registering_model_via_url"
FROM_FILE = f"{SECTION}.allow_registering_model_via_local_file"
UPLOAD_CHUNK_BYTES = 10_000_000
# The third net after teardown and janitor: the cluster itself drops a model nobody has used for this long.
IDLE_MINUTES = 24 * 60


@dataclass(frozen=True)
class Source:
    """`function`: ML Commons' name for what the model does. `setting`: of the cluster, must be true before a registration;
    None where none is needed."""

    model: OwnModel
    function: str
    setting: ClassVar[str | None] = None
    is_upload: ClassVar[bool] = False

    def register(self, cluster: Cluster, group_id: str, *, expires: bool = True) -> Started:
        """Begin the registration of one more model in the group. `expires`: the cluster drops it from memory when it is idle."""
        idle = {"model_ttl_minutes": IDLE_MINUTES} if expires else {}
        body = self._body(group_id) | {"deploy_setting": {"is_auto_deploy_enabled": False} | idle}
        return Started(
            task_id=str(cluster.post("/_plugins/_ml/models/_register", body, retry=OverloadedError)["task_id"])
        )

    def _body(self, group_id: str) -> Json:
        named = self.model.model_dump(include={"name", "version", "model_format"})
        return named | {"model_group_id": group_id}

    def content_sha256(self) -> str | None:
        """Of the model's zip; None for the catalogue, whose name and version stand for the content."""
        return None

    def require_usable(self) -> None:
        """ConfigError for what we can see ourselves; ML Commons registers anything and finds out when it deploys."""

    def made(self, document: Json) -> bool:
        """Whether this model document, of the build's group, is of this model: by name, function and content. The server
        numbers versions itself, and of the catalogue's content only the server knows."""
        if (document.get("name"), document.get("algorithm")) != (self.model.name, self.function):
            return False
        known = {document.get("model_content_hash_value"), self.content_sha256()} - {None}
        return len(known) <= 1

    def is_torn(self, document: Json) -> bool:
        """Whether nobody can end the registration that this model document tells of."""
        return False


@dataclass(frozen=True)
class Catalogue(Source):
    """The catalogue of ML Commons."""

    model: PretrainedModel


@dataclass(frozen=True)
class Download(Source):
    """A zip that the cluster reads from an address, and compares with its sha256."""

    model: UrlModel
    setting = FROM_URL

    def _body(self, group_id: str) -> Json:
        content = {"function_name": self.function, "url": self.model.url, "model_content_hash_value": self.model.sha256}
        return super()._body(group_id) | content | _model_config(self.model)

    def content_sha256(self) -> str:
        return self.model.sha256


@dataclass(frozen=True)
class Upload(Source):
    """A zip that a worker reads and sends in chunks: no download by the cluster."""

    model: FileModel
    setting = FROM_FILE
    is_upload = True

    def register(self, cluster: Cluster, group_id: str, *, expires: bool = True) -> Started:
        """A model whose upload was killed half way stays REGISTERING and is found and deleted by its group. A chunk may be
        sent twice: it is stored under its number, and the last one ends the registration."""
        source = local_zip(self.model.path)
        meta = self._body(group_id) | {
            "function_name": self.function,
            "model_content_hash_value": source.sha256,
            "model_content_size_in_bytes": source.size,
            "total_chunks": source.chunks,
            **_model_config(self.model),
        }
        model_id = str(cluster.post("/_plugins/_ml/models/_register_meta", meta, retry=OverloadedError)["model_id"])
        for number, data in enumerate(source.read_chunks()):
            cluster.request("POST", f"/_plugins/_ml/models/{model_id}/upload_chunk/{number}", data)
        return Started(model_id=model_id)

    def content_sha256(self) -> str:
        return local_zip(self.model.path).sha256

    def require_usable(self) -> None:
        require_usable_zip(self.model)

    def is_torn(self, document: Json) -> bool:
        """A killed upload cannot be continued: its chunks are not known."""
        return document.get("model_state") == ModelState.REGISTERING


def source_of(model: OwnModel, function: str) -> Source:
    match model:
        case PretrainedModel():
            return Catalogue(model, function)
        case UrlModel():
            return Download(model, function)
        case FileModel():
            return Upload(model, function)


def _model_config(model: UrlModel | FileModel) -> Json:
    return {"model_config": model.model_config_body} if model.model_config_body else {}


@dataclass(frozen=True)
class LocalZip:
    """A model file that a worker can read; `size` in bytes."""

    path: str
    size: int
    sha256: str

    @property
    def chunks(self) -> int:
        return max(1, -(-self.size // UPLOAD_CHUNK_BYTES))

    def read_chunks(self) -> Iterator[bytes]:
        with _readable(self.path) as file:
            while data := file.read(UPLOAD_CHUNK_BYTES):
                yield data


def local_zip(path: str) -> LocalZip:
    """Size and sha256 of a model file, of hundreds of MB perhaps: a process reads it once for as long as it stays the same.
    Raises what `_readable` does."""
    try:
        version = file_version(path)
    except (SparseIndexError, *UNREADABLE):
        # Reading says why, or it is at a web server that does not tell when a file has changed.
        return _read(path)
    return _read_once(path, version)


@lru_cache(maxsize=16)
def _read_once(path: str, version: str) -> LocalZip:
    return _read(path)


def _read(path: str) -> LocalZip:
    digest, size = hashlib.sha256(), 0
    with _readable(path) as file:
        while data := file.read(UPLOAD_CHUNK_BYTES):
            digest.update(data)
            size += len(data)
    if size == 0:
        raise ConfigError(f"The model file {path} is empty. Correct `encoder.model.path`.")
    return LocalZip(path, size, digest.hexdigest())


@contextmanager
def _readable(path: str) -> Iterator[IO[bytes]]:
    """ConfigError when there is no such file, or it is not what it should be; UnavailableError and AccessError as of a store."""
    try:
        with opened(path) as file:
            yield file
    except FileNotFoundError as error:
        raise ConfigError(f"The model file {path} does not exist. Correct `encoder.model.path`.") from showable(error)
    except UNREADABLE as error:
        raise ConfigError(f"The model file {path} cannot be read as a zip ({error}).") from showable(error)


def require_usable_zip(model: FileModel) -> None:
    """ConfigError unless the file is a zip with one model and a `tokenizer.json` at its top level.

    ML Commons registers anything and finds out when it deploys.
    """
    suffix = ".onnx" if model.model_format == "ONNX" else ".pt"
    with _readable(model.path) as file, zipfile.ZipFile(file) as archive:
        names = archive.namelist()
    models = [name for name in names if name.endswith(suffix)]
    wanted = [f"exactly one {suffix} file, not {len(models)}"] if len(models) != 1 else []
    wanted += ["tokenizer.json"] if "tokenizer.json" not in names else []
    if wanted:
        raise ConfigError(f"The model file {model.path} needs {' and '.join(wanted)} at its top level. Pack it anew.")
