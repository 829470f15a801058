"""From `include/corpora/<name>.yaml` (or `.yml`) to a `CorpusConfig`: all problems of a file in one message.

`${NAME}` and `${NAME:-default}` in a value stand for environment variables; a relative local path is relative to the
file that names it; `~` at the beginning of a path is the home folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import yaml
from pydantic import ValidationError

from sparse_index.addresses import hide_secrets
from sparse_index.config.airflow_rules import corpus_name_problem
from sparse_index.config.alerts import AlertConfig, readable_alerts
from sparse_index.config.combinations import CLASH, clashes
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.vectors import FIELD_KINDS
from sparse_index.errors import ConfigError

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_ENDINGS = (".yaml", ".yml")
_MODEL_PATH = ("encoder", "model", "path")
_PATHS = (
    ("store",),
    ("source", "uri"),
    ("gate", "golden"),
    _MODEL_PATH,
    ("search", "rerank", "model", "path"),
)


@dataclass(frozen=True)
class BrokenCorpus:
    """A corpus file that cannot be used. `found`: all that is wrong with it, of which every address loses its secrets, whoever
    wrote the words; `owner` and `alerts`: as the file says, if they can be read."""

    name: str
    file: str
    found: Sequence[str]
    owner: str | None = None
    alerts: Sequence[AlertConfig] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "found", tuple(map(hide_secrets, self.found)))

    @property
    def problems(self) -> str:
        """For a person, in one message."""
        lines = "".join(f"\n  - {problem}" for problem in self.found)
        return f"{self.file} cannot be used:{lines}"


@dataclass(frozen=True)
class _File:
    """A file as it was read: its values with variables filled in (empty when unreadable), and what is wrong so far."""

    path: Path
    raw: dict[str, Any]
    problems: list[str]

    @property
    def name(self) -> str:
        return self.path.name


def corpus_files(folder: Path) -> list[Path]:
    """One file a corpus, sorted by name. Hidden ones (what editors and systems leave) are none."""
    return sorted(path for path in folder.glob("*") if path.suffix in _ENDINGS and not path.name.startswith("."))


def load_corpus(path: Path, environment: Mapping[str, str] | None = None) -> CorpusConfig:
    """The configuration in `path`, read alone; raises `ConfigError` that lists every problem of the file."""
    return _usable(_checked(_read(path, environment)))


def load_beside_others(path: Path, environment: Mapping[str, str] | None = None) -> CorpusConfig:
    """As `load_corpus`, and no other file of the folder may have its alias: for a person's look at one corpus."""
    others = [_read(each, environment) for each in corpus_files(path.parent) if each.name != path.name]
    return _usable(_checked(_read(path, environment), others))


def load_named(folder: Path, name: str, environment: Mapping[str, str] | None = None) -> CorpusConfig | BrokenCorpus:
    """The corpus `name` of the folder; no other file is opened."""
    paths = [folder / f"{name}{ending}" for ending in _ENDINGS]
    path = next((path for path in paths if path.exists()), paths[0])
    return _checked(_named(_read(path, environment)))


def load_all(folder: Path, environment: Mapping[str, str] | None = None) -> dict[str, CorpusConfig | BrokenCorpus]:
    """Every corpus of the folder by its file's stem; each file is read once, and one broken file harms no other."""
    files = [_named(_read(path, environment)) for path in corpus_files(folder)]
    by_alias: dict[Any, list[_File]] = {}
    for file in files:
        by_alias.setdefault(_alias(file), []).append(file)
    return {file.path.stem: _checked(file, by_alias[_alias(file)]) for file in files}


def _usable(found: CorpusConfig | BrokenCorpus) -> CorpusConfig:
    if isinstance(found, BrokenCorpus):
        raise ConfigError(found.problems)
    return found


def _named(file: _File) -> _File:
    """With what is wrong about its name, which is the corpus's."""
    problem = corpus_name_problem(file.path.stem)
    return file if problem is None else replace(file, problems=[problem, *file.problems])


def _checked(file: _File, others: Sequence[_File] = ()) -> CorpusConfig | BrokenCorpus:
    problems = list(file.problems)
    config = _validated(file.raw, problems) if file.raw else None
    problems += [*_twins(file), *_taken_alias(file, others)]
    if config is not None and not problems:
        return config
    owner, alerts = file.raw.get("owner"), readable_alerts(file.raw.get("alerts"))
    return BrokenCorpus(file.path.stem, file.name, problems, owner if isinstance(owner, str) else None, alerts)


def _read(path: Path, environment: Mapping[str, str] | None) -> _File:
    try:
        return _filled(path, _parsed(path), os.environ if environment is None else environment)
    except (OSError, UnicodeDecodeError) as error:
        return _File(path, {}, [f"{path.name} cannot be read: {error}"])
    except yaml.YAMLError as error:
        return _File(path, {}, [f"{path.name} is not YAML: {' '.join(str(error).split())}"])
    except RecursionError:
        return _File(path, {}, ["its values are nested too deep, or one of them is within itself"])


def _parsed(path: Path) -> Any:
    # From the open file, of which YAML's errors quote no line: it may hold a secret.
    with path.open(encoding="utf-8") as file:
        return yaml.load(file, _Loader)  # noqa: S506 a subclass of the safe loader


def _filled(path: Path, raw: Any, environment: Mapping[str, str]) -> _File:
    if not isinstance(raw, dict) or not raw:
        return _File(path, {}, ["it must hold keys and values (alias: ..., source: ...)"])
    problems: list[str] = []
    expanded = _expanded(raw, environment, problems)
    _resolve_paths(expanded, path.parent, problems)
    return _File(path, expanded, problems)


class _Loader(yaml.CSafeLoader):
    """YAML without tags that run code; a key that is there twice is an error instead of a silent loss.

    The reader in C, which PyYAML's packages have: every parse of the DAGs reads every file, and it is ten times as fast.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        # What a tag calls a mapping may be none: PyYAML says so.
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        for key in (key for key, _ in pairs if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key '{key.value}' is there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """PyYAML lets Python fail at a day that no calendar has: without the place, and with the value."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError):
            kind = node.tag.rpartition(":")[2]
            raise yaml.constructor.ConstructorError(None, None, f"this is no {kind}", node.start_mark) from None

    def construct_undefined(self, node: yaml.Node) -> NoReturn:
        """Without the tag: it may be a secret that begins with '!'."""
        said = "could not determine a constructor for the tag of this value: quote it"
        raise yaml.constructor.ConstructorError(None, None, said, node.start_mark)


_Loader.add_constructor(None, _Loader.construct_undefined)


def _expanded(value: Any, environment: Mapping[str, str], problems: list[str], place: tuple[str, ...] = ()) -> Any:
    if isinstance(value, dict):
        return {key: _expanded(item, environment, problems, (*place, str(key))) for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item, environment, problems, (*place, str(at))) for at, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replacement(match: re.Match[str]) -> str:
        found = environment.get(match["name"], match["default"])
        if found is None:
            problems.append(f"environment variable {match['name']} is not set and has no default")
        return found or ""

    filled = _VARIABLE.sub(replacement, value)
    if _NO_TEXT.search(filled):
        problems.append(f"{'.'.join(place)} has a character that no database stores (a NUL, or half of a pair)")
        return value  # what else is wrong with it is said of the file's own text
    return filled


def _resolve_paths(raw: dict[str, Any], folder: Path, problems: list[str]) -> None:
    fields = raw.get("vectors")
    of_vectors = (("vectors", name, *_MODEL_PATH) for name in fields) if isinstance(fields, dict) else ()
    for *parents, key in (*_PATHS, *of_vectors):
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
        problems += _single_problems(error, raw)
        problems += _clashes(raw)
        return None


def _clashes(raw: Mapping[str, Any]) -> list[str]:
    """pydantic looks at combinations only when every single value is right; a person wants both at once, where the values are of
    the types that can be compared."""
    try:
        return clashes(CorpusConfig, raw)
    except TypeError:
        return []


def _single_problems(error: ValidationError, raw: Mapping[str, Any]) -> Iterator[str]:
    for item in error.errors(include_url=False):
        place, said = item["loc"], item["msg"].removeprefix("Value error, ")
        # Beside `vectors` the first field's encoder is looked at twice.
        if item["type"] == CLASH or (place[:1] == ("encoder",) and "vectors" in raw and "encoder" not in raw):
            continue
        # Of texts nothing is repeated: they may be secrets.
        number = (
            item["input"] if isinstance(item["input"], int | float) and not isinstance(item["input"], bool) else None
        )
        shown = said if number is None else f"{said}, not {number}"
        yield f"{'.'.join(_key(place))}: {shown}" if place else said


def _key(place: Sequence[int | str]) -> list[str]:
    """As the file has it: pydantic names the kind of a vector field like a key."""
    is_tag = place[:1] == ("vectors",) and place[2:3] and place[2] in FIELD_KINDS
    return [str(part) for part in (*place[:2], *place[3:])] if is_tag else [str(part) for part in place]


def _twins(file: _File) -> Iterator[str]:
    for ending in _ENDINGS:
        twin = file.path.with_suffix(ending)
        if twin.name != file.name and twin.exists():
            yield f"{file.name} and {twin.name} name one corpus: keep one of them"


def _alias(file: _File) -> Any:
    alias = file.raw.get("alias")
    return alias if isinstance(alias, str) else None


def _taken_alias(file: _File, others: Sequence[_File]) -> Iterator[str]:
    alias = _alias(file)
    same = sorted(other.name for other in others if other.name != file.name and _alias(other) == alias)
    if alias is not None and same:
        yield f"alias '{alias}' is also used by {', '.join(same)}: two corpora cannot share one index"
