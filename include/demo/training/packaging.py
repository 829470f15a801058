"""Put a scripted model and its tokenizer into the zip that ML Commons registers, byte for byte reproducible."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import nn

_FIXED_TIME = (2025, 1, 1, 0, 0, 0)


def write_model(folder: Path, module: nn.Module, tokenizer: Tokenizer, body: Mapping[str, object]) -> str:
    """Write `model.zip` and `config.json` (`body` plus the hash of the zip); returns the sha256."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / "model.zip"
    _zip(archive, {f"{folder.name}.pt": _scripted(module), "tokenizer.json": tokenizer.to_str().encode()})
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    config = {**body, "model_content_hash_value": digest}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return digest


def _scripted(module: nn.Module) -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(module.eval()), buffer)
    return buffer.getvalue()


def _zip(path: Path, members: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _FIXED_TIME), content, zipfile.ZIP_DEFLATED, 9)
