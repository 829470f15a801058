"""The least-privilege roles that ship with the package, as bodies for OpenSearch's security API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
PLACEHOLDER = "{alias}"


def role_bodies(alias: str) -> dict[str, dict[str, Any]]:
    """Role name -> body for `PUT /_plugins/_security/api/roles/<name>`, allowed on `alias` and the indices behind it."""
    bodies: dict[str, dict[str, Any]] = {}
    for text in role_files(alias).values():
        bodies |= yaml.safe_load(text)
    return bodies


def role_files(alias: str) -> dict[str, str]:
    """File name -> its text with `alias` filled in, comments included."""
    files = sorted(FOLDER.glob("*.yaml"))
    return {file.name: file.read_text(encoding="utf-8").replace(PLACEHOLDER, alias) for file in files}
