"""A model's two files, as ML Commons registers them: `model.zip`, byte for byte reproducible, and `config.json`."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

ARCHIVE_NAME = "model.zip"
CONFIG_NAME = "config.json"
_FIXED_TIME = (2025, 1, 1, 0, 0, 0)
_UNIX = 3


def write_model(folder: Path, members: Mapping[str, bytes], body: Mapping[str, object]) -> str:
    """Write both files, config.json last: it is `body` plus the hash of the zip. Returns the zip's sha256 (hex)."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = zip_of(members)
    _write(folder / ARCHIVE_NAME, archive)
    digest = hashlib.sha256(archive).hexdigest()
    config = {**body, "model_content_hash_value": digest}
    _write(folder / CONFIG_NAME, (json.dumps(config, indent=2) + "\n").encode())
    return digest


def _write(path: Path, content: bytes) -> None:
    """At once: a run may be reading the file that was there."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def zip_of(members: Mapping[str, bytes]) -> bytes:
    """Stored, not deflated: what deflate writes depends on the zlib that Python was built with."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            member = zipfile.ZipInfo(name, _FIXED_TIME)
            member.create_system = _UNIX
            archive.writestr(member, data)
    return content.getvalue()


def cut_at(tokenizer: bytes, max_tokens: int) -> bytes:
    """A tokenizer.json that cuts texts at `max_tokens`, the special tokens counted, and pads none.

    ML Commons does what the file says and tells nobody: one that cuts earlier loses text, one that pads to a fixed length
    changes the vectors.
    """
    content = json.loads(tokenizer)
    truncation = {"direction": "Right", "max_length": max_tokens, "strategy": "LongestFirst", "stride": 0}
    content |= {"truncation": truncation, "padding": None}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
