"""Toy models whose tokenizer is another one: they answer all the same, and otherwise."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

from demo.model_archive import ARCHIVE_NAME, CONFIG_NAME, write_model


def exchanged(model: Path, folder: Path, change: Callable[[bytes], bytes]) -> Path:
    """The model of a folder with another tokenizer, under the same name."""
    with zipfile.ZipFile(model / ARCHIVE_NAME) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["tokenizer.json"] = change(members["tokenizer.json"])
    write_model(folder, members, json.loads((model / CONFIG_NAME).read_text()))
    return folder


def of_another_model(tokenizer: bytes) -> bytes:
    """The same words with other numbers."""
    content = json.loads(tokenizer)
    vocabulary = content["model"]["vocab"]
    plain = [word for word in vocabulary if not word.startswith("[")]
    ids = [vocabulary[word] for word in plain]
    content["model"]["vocab"] |= dict(zip(plain, [*ids[1:], ids[0]], strict=True))
    return json.dumps(content, ensure_ascii=False).encode()
