"""Where a model comes from: the body of its registration, its content hash, the upload of a local file."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import fsspec

from sparse_index.addresses import showable
from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.encoder import (
    EncoderConfig,
    ExistingModel,
    FileModel,
    PretrainedModel,
    UrlModel,
    fingerprint,
)
from sparse_index.errors import ConfigError

FUNCTION = "SPARSE_ENCODING"
UPLOAD_CHUNK_BYTES = 10_000_000
# The third net after teardown and janitor: the cluster itself drops a model nobody has used for this long.
IDLE_MINUTES = 24 * 60


def registration_body(model: PretrainedModel | UrlModel, group_id: str) -> Json:
    """The body of `POST /_plugins/_ml/models/_register`."""
    body: Json = {
        "name": model.name,
        "version": model.version,
        "model_format": model.model_format,
        "model_group_id": group_id,
        "deploy_setting": {"is_auto_deploy_enabled": False, "model_ttl_minutes": IDLE_MINUTES},
    }
    if isinstance(model, UrlModel):
        body |= {"function_name": FUNCTION, "url": model.url, "model_content_hash_value": model.sha256}
        body |= _model_config(model)
    return body


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
        with fsspec.open(self.path, "rb") as file:
            while data := file.read(UPLOAD_CHUNK_BYTES):
                yield data


def local_zip(path: str) -> LocalZip:
    """Size and sha256 of a model file; ConfigError when there is none."""
    digest, size = hashlib.sha256(), 0
    try:
        with fsspec.open(path, "rb") as file:
            while data := file.read(UPLOAD_CHUNK_BYTES):
                digest.update(data)
                size += len(data)
    except FileNotFoundError as error:
        raise ConfigError(f"The model file {path} does not exist. Correct `encoder.model.path`.") from showable(error)
    if size == 0:
        raise ConfigError(f"The model file {path} is empty. Correct `encoder.model.path`.")
    return LocalZip(path, size, digest.hexdigest())


def require_usable_zip(model: FileModel) -> None:
    """ConfigError unless the file is a zip with one model and a `tokenizer.json` at its top level.

    ML Commons registers anything and finds out when it deploys.
    """
    suffix = ".onnx" if model.model_format == "ONNX" else ".pt"
    try:
        with fsspec.open(model.path, "rb") as file, zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except FileNotFoundError as error:
        raise ConfigError(f"The model file {model.path} does not exist. Correct `encoder.model.path`.") from showable(
            error
        )
    except (OSError, zipfile.BadZipFile) as error:
        raise ConfigError(f"The model file {model.path} cannot be read as a zip ({error}).") from showable(error)
    models = [name for name in names if name.endswith(suffix)]
    wanted = [f"exactly one {suffix} file, not {len(models)}"] if len(models) != 1 else []
    wanted += ["tokenizer.json"] if "tokenizer.json" not in names else []
    if wanted:
        raise ConfigError(f"The model file {model.path} needs {' and '.join(wanted)} at its top level. Pack it anew.")


def upload(cluster: Cluster, model: FileModel, group_id: str) -> str:
    """Register the file in chunks, without any download by the cluster; gives the model id.

    A model whose upload was killed half way stays REGISTERING and is found and deleted by its group.
    """
    source = local_zip(model.path)
    meta = {
        "name": model.name,
        "version": model.version,
        "model_format": model.model_format,
        "function_name": FUNCTION,
        "model_group_id": group_id,
        "model_content_hash_value": source.sha256,
        "model_content_size_in_bytes": source.size,
        "total_chunks": source.chunks,
        **_model_config(model),
    }
    model_id = str(cluster.post("/_plugins/_ml/models/_register_meta", meta, retry=False)["model_id"])
    for number, data in enumerate(source.read_chunks()):
        cluster.request("POST", f"/_plugins/_ml/models/{model_id}/upload_chunk/{number}", data, retry=False)
    return model_id


def content_sha256(cluster: Cluster, encoder: EncoderConfig) -> str | None:
    """The sha256 of the model's content; None for the catalogue, whose name and version stand for the content."""
    model = encoder.model
    if isinstance(model, UrlModel):
        return model.sha256
    if isinstance(model, FileModel):
        return local_zip(model.path).sha256
    if isinstance(model, ExistingModel):
        document: Json = cluster.get(f"/_plugins/_ml/models/{model.model_id}")
        return document.get("model_content_hash_value")
    return None


def resolve_fingerprint(cluster: Cluster, encoder: EncoderConfig) -> str:
    """The encoder's fingerprint, reading the model file or the registered model where the hash comes from there."""
    return fingerprint(encoder, content_sha256(cluster, encoder))
