"""From `include/corpora/<name>.yaml` to a `CorpusConfig`: all problems of a file in one message.

`${NAME}` and `${NAME:-default}` in a value stand for environment variables; a relative local path is relative to the
file that names it; `~` at the beginning of a path is the home folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sparse_index.config.combinations import clashes
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import ConfigError

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
_PATHS = (("store",), ("source", "uri"), ("encoder", "model", "path"))


@dataclass(frozen=True)
class BrokenCorpus:
    """A corpus file that cannot be used; `problems` is all that is wrong with it, for a person."""

    name: str
    problems: str


@dataclass(frozen=True)
class _File:
    """A file as it was read: its values with variables filled in (empty when unreadable), and what is wrong so far."""

    name: str
    raw: dict[str, Any]
    problems: list[str]


def corpus_files(folder: Path) -> list[Path]:
    """One file a corpus, sorted by name."""
    return sorted(folder.glob("*.yaml"))


def load_corpus(path: Path, environment: Mapping[str, str] | None = None) -> CorpusConfig:
    """The configuration in `path`; raises `ConfigError` that lists every problem of the file."""
    files = [_read(each, environment) for each in {path, *corpus_files(path.parent)}]
    mine = next(file for file in files if file.name == path.name)
    found = _checked(mine, files)
    if isinstance(found, BrokenCorpus):
        raise ConfigError(found.problems)
    return found


def load_all(folder: Path, environment: Mapping[str, str] | None = None) -> dict[str, CorpusConfig | BrokenCorpus]:
    """Every corpus of the folder by its file's stem; each file is read once, and one broken file harms no other."""
    files = [_read(path, environment) for path in corpus_files(folder)]
    return {Path(file.name).stem: _checked(file, files) for file in files}


def _checked(file: _File, files: list[_File]) -> CorpusConfig | BrokenCorpus:
    problems = list(file.problems)
    config = _validated(file.raw, problems) if file.raw else None
    problems += _taken_alias(file, files)
    if config is not None and not problems:
        return config
    lines = "".join(f"\n  - {problem}" for problem in problems)
    return BrokenCorpus(Path(file.name).stem, f"{file.name} cannot be used:{lines}")


def _read(path: Path, environment: Mapping[str, str] | None) -> _File:
    try:
        # From the open file, of which YAML's errors quote no line: it may hold a secret.
        with path.open(encoding="utf-8") as file:
            raw = yaml.load(file, _Loader)  # noqa: S506 a subclass of the safe loader
    except (OSError, UnicodeDecodeError) as error:
        return _File(path.name, {}, [f"{path.name} cannot be read: {error}"])
    except yaml.YAMLError as error:
        return _File(path.name, {}, [f"{path.name} is not YAML: {' '.join(str(error).split())}"])
    if not isinstance(raw, dict) or not raw:
        return _File(path.name, {}, ["it must hold keys and values (alias: ..., source: ...)"])
    problems: list[str] = []
    expanded = _expanded(raw, os.environ if environment is None else environment, problems)
    _resolve_paths(expanded, path.parent, problems)
    return _File(path.name, expanded, problems)


class _Loader(yaml.SafeLoader):
    """YAML without tags that run code; a key that is there twice is an error instead of a silent loss."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key '{key.value}' is there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


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


def _resolve_paths(raw: dict[str, Any], folder: Path, problems: list[str]) -> None:
    for *parents, key in _PATHS:
        section: Any = raw
        for parent in parents:
            section = section.get(parent) if isinstance(section, dict) else None
        if isinstance(section, dict) and isinstance(section.get(key), str):
            section[key] = _absolute(_from_home(section[key], problems), folder)


def _from_home(path: str, problems: list[str]) -> str:
    """`~/x` and `~somebody/x` in full: what opens the path later may not know what `~` means."""
    if not path.startswith("~"):
        return path
    try:
        return str(Path(path).expanduser())
    except RuntimeError:
        problems.append(f"{path}: there is no such home folder; write the path in full (or `./~...` for such a name)")
        return path


def _absolute(path: str, folder: Path) -> str:
    if "://" in path or "::" in path or not path or Path(path).is_absolute():
        return path
    return os.path.normpath(folder.absolute() / path)


def _validated(raw: dict[str, Any], problems: list[str]) -> CorpusConfig | None:
    try:
        return CorpusConfig.model_validate(raw)
    except ValidationError as error:
        problems += _single_problems(error)
        # pydantic looks at combinations only when every single value is right; a person wants both at once.
        problems += clashes(raw)
        return None


def _single_problems(error: ValidationError) -> Iterator[str]:
    for item in error.errors(include_url=False, include_input=False):
        if item["loc"]:
            yield f"{'.'.join(str(part) for part in item['loc'])}: {item['msg'].removeprefix('Value error, ')}"


def _taken_alias(file: _File, files: list[_File]) -> list[str]:
    alias = file.raw.get("alias")
    same = sorted(other.name for other in files if other.name != file.name and other.raw.get("alias") == alias)
    if alias is None or not same:
        return []
    return [f"alias '{alias}' is also used by {', '.join(same)}: two corpora cannot share one index"]
