"""What the pages say exists: links, keys, make targets, commands, files, messages."""

from __future__ import annotations

import ast
import re
import runpy
import sys
from collections.abc import Iterator
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import BaseModel

from anchors import anchors
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.gate import GateConfig
from sparse_index.progress import Progress, ProgressMeter

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "include").glob("*/README.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
COMMAND = re.compile(r"python -m (?P<module>sparse_index|local_cluster|demo)(?P<verb> [a-z][a-z_-]*)?")
OWN_PATH = re.compile(
    r"(?<![\w./-])((?:docker|docs|include|dags|plugins|tests|bench)/(?:[\w./*-]*[\w/*])?)(?=[\s`:,);.])"
)
# What the pages tell a reader to make.
EXAMPLES = {"include/corpora/contracts.yaml", "include/corpora/tickets_feed.yaml"}
OF_THE_CORE = re.compile(r"`((?:\w+/)*\w+)\.([A-Za-z]\w*(?:\.\w+)?)`")
FILE_ENDINGS = {"py", "yaml", "md", "json", "toml", "lock", "txt", "parquet"}
PROMISE = re.compile(r"\bP(?:[1-9]|1\d)\b")


def code_of(page: Path) -> str:
    return "\n".join(CODE.findall(page.read_text(encoding="utf-8")))


def model_fields(model: type[BaseModel]) -> Iterator[tuple[type[BaseModel], str]]:
    """Every key of the configuration, through sections and alternatives."""
    for name, field in model.model_fields.items():
        yield model, name
        for inner in sections_in(field.annotation):
            yield from model_fields(inner)


def sections_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in sections_in(part)]


def test_a_reader_finds_the_pages_that_were_promised() -> None:
    promised = ["README.md", "CHANGELOG.md", "docs/operate.md", "docs/add-a-corpus.md", "docs/security.md"]
    promised += ["docs/architecture.md", "CONTRIBUTING.md", "SECURITY.md"]
    assert [name for name in promised if name not in NAMES] == []


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    page, broken = ROOT / name, []
    for target in (match["target"] for match in LINK.finditer(page.read_text(encoding="utf-8"))):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, fragment = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        if not other.exists() or (fragment and fragment not in anchors(other)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_named_exist(name: str) -> None:
    named = {
        path for span in CODE.findall((ROOT / name).read_text(encoding="utf-8")) for path in OWN_PATH.findall(span)
    }
    assert sorted(path for path in named - EXAMPLES if not any(ROOT.glob(path))) == []


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_what_the_pages_name_of_the_core_is_there(name: str) -> None:
    found = OF_THE_CORE.findall((ROOT / name).read_text(encoding="utf-8"))
    named = [(module, what) for module, what in found if is_a_module(module) and what not in FILE_ENDINGS]
    assert named
    assert [f"{module}.{what}" for module, what in named if not is_in_the_core(module, what)] == []


def is_a_module(words: str) -> bool:
    """`source.format` is a key of the corpus file."""
    return "/" in words or (ROOT / "include" / "sparse_index" / f"{words}.py").exists()


def is_in_the_core(module: str, what: str) -> bool:
    """Whether `room/module` has `what`, a name or the name of a method: `Plan.with_secrets_of`."""
    try:
        found = import_module(f"sparse_index.{module.replace('/', '.')}")
        attrgetter(what)(found)
    except (ImportError, AttributeError):
        return False
    return True


def test_every_promise_is_defined_and_proved_by_tests() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    defined = re.findall(r"^- \*\*(P\d+) ", text, re.MULTILINE)
    proofs = dict(re.findall(r"^\| (P\d+) \| (.+) \|$", text, re.MULTILINE))
    assert defined == list(proofs) == [f"P{number}" for number in range(1, 12)]
    assert [promise for promise, proof in proofs.items() if "`tests/" not in proof] == []


def test_no_promise_is_cited_that_is_not_defined() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    defined = set(re.findall(r"^- \*\*(P\d+) ", text, re.MULTILINE))
    files = [file for folder in ("include", "plugins", "dags", "tests") for file in (ROOT / folder).rglob("*.py")]
    cited = {promise for file in files for promise in PROMISE.findall(file.read_text(encoding="utf-8"))}
    assert cited > {"P1", "P11"}
    assert cited - defined == set()


def test_every_key_of_the_configuration_is_explained() -> None:
    text = (ROOT / "docs" / "add-a-corpus.md").read_text(encoding="utf-8")
    missing = {f"{model.__name__}.{name}" for model, name in model_fields(CorpusConfig) if f"`{name}`" not in text}
    assert missing == set()


def test_the_table_shows_the_real_defaults() -> None:
    text = (ROOT / "docs" / "add-a-corpus.md").read_text(encoding="utf-8")
    wrong = []
    for model, name in model_fields(CorpusConfig):
        default = model.model_fields[name].default
        row = re.search(rf"^\| `{name}` \| (?P<default>[^|]+) \|", text, re.MULTILINE)
        if row and isinstance(default, int | float | str) and default != "":
            shown = row["default"].strip().strip("`")
            if shown != as_yaml(default):
                wrong.append((name, shown, as_yaml(default)))
    assert wrong == []


def test_the_keys_of_the_gate_stand_in_the_order_of_the_model() -> None:
    """What one row says of "that" is in the row before."""
    text = (ROOT / "docs" / "add-a-corpus.md").read_text(encoding="utf-8")
    table = text.partition("\n### `gate`\n")[2].partition("\n##")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(GateConfig.model_fields)


def as_yaml(value: float | str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_the_examples_are_valid_configurations() -> None:
    text = (ROOT / "docs" / "add-a-corpus.md").read_text(encoding="utf-8")
    examples = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "include/corpora" in block]
    configs = [CorpusConfig.model_validate(yaml.safe_load(example)) for example in examples]
    assert {config.alias: config.kind for config in configs} == {"contracts": "snapshot", "tickets-feed": "feed"}


@pytest.mark.parametrize("name", NAMES)
def test_make_targets_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", code_of(ROOT / name), re.MULTILINE))
    assert named <= targets


def commands() -> list[tuple[str, str]]:
    found = {
        (match["module"], (match["verb"] or "").strip()) for page in PAGES for match in COMMAND.finditer(code_of(page))
    }
    return sorted(found)


@pytest.mark.parametrize(("module", "verb"), commands())
def test_commands_exist(module: str, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `python -m` runs them, in this process: a start of its own for each would take a second."""
    monkeypatch.delitem(sys.modules, f"{module}.__main__", raising=False)  # another test may have imported it
    monkeypatch.setattr(sys, "argv", [module, *([verb] if verb else []), "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__")
    assert not ended.value.code


def test_every_variable_of_the_package_is_said_to_be_read_where_it_is() -> None:
    """The console's by the API server alone; its modules are called so."""
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    rows = {name: cells.split(" | ") for name, cells in re.findall(r"^\| `(SPARSE_INDEX_\w+)` \| (.+) \|$", text, re.M)}
    read: dict[str, set[bool]] = {}
    for path, said in texts_of(ROOT / "include" / "sparse_index", ROOT / "plugins", ROOT / "dags"):
        for name in re.findall(r"SPARSE_INDEX_[A-Z_]+[A-Z]", said):
            read.setdefault(name, set()).add("console" in str(path.relative_to(ROOT)))
    assert rows.keys() == read.keys()
    assert {name for name, cells in rows.items() if cells[:5] == ["no", "no", "no", "yes", "no"]} == {
        name for name, where in read.items() if where == {True}
    }
    assert all(cells[0] == "yes" for name, cells in rows.items() if read[name] != {True})


def test_quoted_messages_are_those_of_the_code() -> None:
    text = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    quoted = [line for block in re.findall(r"```text\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    known = list(messages_in_the_code())
    fragments = {part.strip(" .") for line in quoted for part in line.split("…") if len(part.strip(" .")) > 3}
    assert len(fragments) > 50
    assert sorted(part for part in fragments if not any(part in message for message in known)) == []


def test_the_quoted_line_of_progress_is_what_a_meter_says() -> None:
    at, said = 0.0, list[Progress]()
    meter = ProgressMeter("encode part 3", 20_000, said.append, unit="texts", clock=lambda: at)
    at = 4096 / 31.2
    meter.add(4096)
    assert f"`{said[0]}`" in (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")


def messages_in_the_code() -> Iterator[str]:
    yield from (said for _, said in texts_of(ROOT / "include" / "sparse_index", ROOT / "plugins"))


def texts_of(*folders: Path) -> Iterator[tuple[Path, str]]:
    """Every text in their code, and the file that it stands in."""
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path, node.value
