"""The least-privilege roles that ship with the package, as bodies for OpenSearch's security API."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
PLACEHOLDER = "{alias}"
_PATTERNS = re.compile(r"(?<=index_patterns: \[)[^]]+(?=])")


def role_bodies(*aliases: str) -> dict[str, dict[str, Any]]:
    """Role name -> body for `PUT /_plugins/_security/api/roles/<name>`, allowed on these aliases and the indices behind them. A
    PUT replaces: what is put for one corpus alone takes a role away from the others."""
    bodies: dict[str, dict[str, Any]] = {}
    for text in role_files(*aliases).values():
        bodies |= yaml.safe_load(text)
    return bodies


def role_files(*aliases: str) -> dict[str, str]:
    """File name -> its text with the aliases filled in, comments included."""
    files = sorted(FOLDER.glob("*.yaml"))
    return {
        file.name: _PATTERNS.sub(lambda found: _of_each(found[0], aliases), file.read_text("utf-8")) for file in files
    }


def _of_each(patterns: str, aliases: tuple[str, ...]) -> str:
    return ", ".join(patterns.replace(PLACEHOLDER, alias) for alias in aliases)
