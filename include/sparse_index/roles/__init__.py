"""The least-privilege roles that ship with the package, as bodies for OpenSearch's security API."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
PLACEHOLDER = "{alias}"
ROLES_API = "_plugins/_security/api/roles"
SERVE_ROLE = "sparse_index_serve"
_PATTERNS = re.compile(r"(?<=index_patterns: \[)[^]]+(?=])")


def role_bodies(*aliases: str) -> dict[str, dict[str, Any]]:
    """Role name -> body for `PUT <ROLES_API>/<name>`, allowed on these aliases and the indices behind them. A
    PUT replaces: what is put for one corpus alone takes a role away from the others."""
    bodies: dict[str, dict[str, Any]] = {}
    for file in sorted(FOLDER.glob("*.yaml")):
        bodies |= yaml.safe_load(_PATTERNS.sub(lambda found: _of_each(found[0], aliases), file.read_text("utf-8")))
    return bodies


def _of_each(patterns: str, aliases: tuple[str, ...]) -> str:
    return ", ".join(patterns.replace(PLACEHOLDER, alias) for alias in aliases)
