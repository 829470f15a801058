"""From `include/corpora/<name>.yaml` to a `CorpusConfig`: all problems of a file in one message.

`${NAME}` and `${NAME:-default}` in a value stand for environment variables; a relative local path is relative to the
file that names it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import ConfigError

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
_PATHS = (("store",), ("source", "uri"), ("encoder", "model", "path"))


def corpus_files(folder: Path) -> list[Path]:
    """One file a corpus, sorted by name."""
    return sorted(folder.glob("*.yaml"))


def load_corpus(path: Path, environment: Mapping[str, str] | None = None) -> CorpusConfig:
    """The configuration in `path`; raises `ConfigError` that lists every problem of the file."""
    problems: list[str] = []
    raw = _expanded(_read(path), os.environ if environment is None else environment, problems)
    _resolve_paths(raw, path.parent)
    config = _validated(raw, problems)
    problems += _taken_aliases(path, raw.get("alias"))
    if problems or config is None:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise ConfigError(f"{path.name} cannot be used:\n{lines}")
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path.name} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path.name} cannot be used:\n  - it must hold keys and values (alias: ..., source: ...)")
    return raw


def _expanded(value: Any, environment: Mapping[str, str], problems: list[str]) -> Any:
    if isinstance(value, dict):
        return {key: _expanded(item, environment, problems) for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item, environment, problems) for item in value]
    if not isinstance(value, str):
        return value

    def replacement(match: re.Match[str]) -> str:
        found = environment.get(match["name"], match["default"])
        if found is None:
            problems.append(f"environment variable {match['name']} is not set and has no default")
        return found or ""

    return _VARIABLE.sub(replacement, value)


def _resolve_paths(raw: dict[str, Any], folder: Path) -> None:
    for *parents, key in _PATHS:
        section: Any = raw
        for parent in parents:
            section = section.get(parent) if isinstance(section, dict) else None
        if isinstance(section, dict) and isinstance(section.get(key), str):
            section[key] = _absolute(section[key], folder)


def _absolute(path: str, folder: Path) -> str:
    if "://" in path or not path or Path(path).is_absolute():
        return path
    return os.path.normpath(folder.absolute() / path)


def _validated(raw: dict[str, Any], problems: list[str]) -> CorpusConfig | None:
    try:
        return CorpusConfig.model_validate(raw)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False):
            where = ".".join(str(part) for part in item["loc"]) or "the file as a whole"
            problems.append(f"{where}: {item['msg'].removeprefix('Value error, ')}")
        return None


def _taken_aliases(path: Path, alias: Any) -> list[str]:
    others = (other for other in corpus_files(path.parent) if other.name != path.name)
    same = [other.name for other in others if alias is not None and _alias_in(other) == alias]
    return [f"alias '{alias}' is also used by {', '.join(same)}: two corpora cannot share one index"] if same else []


def _alias_in(path: Path) -> Any:
    try:
        return _read(path).get("alias")
    except ConfigError:
        return None
