"""One corpus file: variables, relative paths, and all problems in one message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import FileModel
from sparse_index.config.load import BrokenCorpus, corpus_files, load_all, load_beside_others, load_corpus, load_named
from sparse_index.errors import ConfigError

Write = Callable[..., Path]

GOOD = """
alias: tickets
store: {store}
source: {{uri: data/*.parquet, id_column: id, text_template: "{{title}}"}}
encoder:
  model: {{source: model_id, model_id: abc}}
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def once(text: str, name: str = "tickets.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return once


def problems_of(path: Path, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_beside_others(path, environment or {})
    return str(caught.value)


def test_a_variable_is_replaced_and_may_have_a_default(write: Write) -> None:
    path = write(GOOD.format(store="${BUCKET}/x/${SUB:-main}"))
    assert load_corpus(path, {"BUCKET": "s3://bucket"}).store == "s3://bucket/x/main"


def test_a_variable_that_is_not_set_is_named(write: Write) -> None:
    assert "BUCKET" in problems_of(write(GOOD.format(store="${BUCKET}")))


def test_relative_paths_are_relative_to_the_file_and_addresses_stay(write: Write, tmp_path: Path) -> None:
    config = load_corpus(write(GOOD.format(store="../store")), {})
    assert config.store == str(tmp_path.parent / "store")
    assert config.source.uri == f"{tmp_path}/data/*.parquet"
    assert load_corpus(write(GOOD.format(store="gs://b/p")), {}).store == "gs://b/p"


def test_a_template_s_braces_are_no_variables(write: Write) -> None:
    assert load_corpus(write(GOOD.format(store="/s")), {}).source.text_template == "{title}"


def test_all_problems_come_in_one_message(write: Write) -> None:
    message = problems_of(write("alias: A--B\nsauce: 1\nsource: {uri: x, id_column: id, text_template: none}\n"))
    for part in ("tickets.yaml", "alias:", "sauce:", "store:", "encoder:", "source.text_template:"):
        assert part in message


@pytest.mark.parametrize("text", ["alias: [x", "- a\n- b", "", "\ttab: 1"])
def test_what_is_no_yaml_mapping_is_said_with_the_file_s_name(write: Write, text: str) -> None:
    assert "tickets.yaml" in problems_of(write(text))


def test_bytes_that_are_no_text_are_said_with_the_file_s_name(tmp_path: Path) -> None:
    path = tmp_path / "tickets.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "tickets.yaml cannot be read" in problems_of(path)


def test_two_files_with_one_alias_name_each_other(write: Write) -> None:
    first, second = write(GOOD.format(store="/a")), write(GOOD.format(store="/b"), "twin.yaml")
    assert "twin.yaml" in problems_of(first)
    assert "tickets.yaml" in problems_of(second)
    assert corpus_files(first.parent) == [first, second]


def test_values_are_filled_in_everywhere_and_once(write: Write) -> None:
    text = (
        GOOD.format(store="/s")
        + "tags: ['${TEAM}', fixed]\nindex: {shards: '${SHARDS:-3}'}\ndescription: '${EMPTY:-}'\n"
    )
    config = load_corpus(write(text), {"TEAM": "${SHARDS} of search"})
    assert (config.tags, config.index.shards, config.description) == (("${SHARDS} of search", "fixed"), 3, "")


def test_an_alias_ends_in_no_line_break(write: Write) -> None:
    assert "alias: an alias has lower case" in problems_of(
        write(GOOD.format(store="/s").replace("tickets", '"tickets\\n"'))
    )


@pytest.mark.parametrize("folder", ["janitor", "vectors"])
def test_no_alias_is_called_as_a_folder_that_is_the_store_s_own(write: Write, folder: str) -> None:
    said = problems_of(write(GOOD.format(store="/s").replace("tickets", folder)))
    assert f"alias: '{folder}' is a folder of the store's own, beside those of corpora; take another alias" in said


def test_every_variable_that_is_missing_is_named_beside_the_other_problems(write: Write) -> None:
    message = problems_of(write(GOOD.format(store="${BUCKET}/${FOLDER}") + "sauce: 1\n"))
    for part in ("variable BUCKET", "variable FOLDER", "sauce:"):
        assert part in message


def test_clashes_come_together_with_single_problems(write: Write) -> None:
    text = GOOD.format(store="/s").replace("id_column: id", "id_column: id, deleted_column: gone, max_shards: 0")
    message = problems_of(write(text))
    for part in ("source.max_shards:", "kind=(default) | source.deleted_column=gone"):
        assert part in message


def test_names_that_no_field_can_have_are_all_named_at_once(write: Write) -> None:
    columns = "id_column: id, columns: [title, price.net, _id, '', _own]"
    text = (
        GOOD.format(store="/s").replace("id_column: id", columns) + "index: {vector_field: sparse.vector}\nsauce: 1\n"
    )
    message = problems_of(write(text))
    for part in (
        "source.columns.1: 'price.net' has a dot, which OpenSearch takes for a field within an object: write 'price_net'",
        "source.columns.2: '_id' is a field of OpenSearch's own",
        "source.columns.3: a field needs a name",
        "index.vector_field: 'sparse.vector' has a dot",
        "sauce:",
    ):
        assert part in message
    assert "_own" not in message


@pytest.mark.parametrize(
    ("addition", "words"),
    [
        ("alias: again\n", "key 'alias' is there twice"),
        ("tags: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
        ("? [a, b]\n: c\n", "unhashable key"),
        ("7: seven\n", "7:"),
        ("schedule: 5\n", "schedule: Input should be a valid string"),
        ("index: none\n", "index:"),
    ],
)
def test_yaml_that_means_something_else_is_refused(write: Write, addition: str, words: str) -> None:
    message = problems_of(write(GOOD.format(store="/s") + addition))
    assert "tickets.yaml" in message
    assert words in message


def test_a_corpus_that_is_read_alone_knows_nothing_of_its_twin(write: Write) -> None:
    path = write(GOOD.format(store="/a"))
    write(GOOD.format(store="/b"), "twin.yaml")
    assert load_corpus(path, {}).alias == "tickets"
    assert isinstance(load_named(path.parent, "tickets", {}), CorpusConfig)
    assert [type(found) for found in load_all(path.parent, {}).values()] == [BrokenCorpus, BrokenCorpus]


def test_both_endings_are_read_and_one_name_with_both_is_said(write: Write, tmp_path: Path) -> None:
    write(GOOD.format(store="/a"), "tickets.yml")
    for found in (load_named(tmp_path, "tickets", {}), load_all(tmp_path, {})["tickets"]):
        assert isinstance(found, CorpusConfig)
        assert found.store == "/a"
    write(GOOD.format(store="/b").replace("alias: tickets", "alias: others"))
    for found in (load_named(tmp_path, "tickets", {}), *load_all(tmp_path, {}).values()):
        assert isinstance(found, BrokenCorpus)
        assert "name one corpus: keep one of them" in found.problems
    assert "tickets.yaml and tickets.yml name one corpus" in problems_of(tmp_path / "tickets.yaml")


def test_what_editors_and_systems_leave_is_no_corpus(tmp_path: Path) -> None:
    for name in (
        ".hidden.yaml",
        "._tickets.yaml",
        "tickets.yaml~",
        "#tickets.yaml#",
        ".tickets.yaml.swp",
        "tickets.yaml.bak",
    ):
        (tmp_path / name).write_text("alias: [")
    (tmp_path / ".#tickets.yaml").symlink_to("nobody@nowhere")
    assert load_all(tmp_path, {}) == load_all(tmp_path / "nowhere", {}) == {}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were opened, in order."""
    names: list[str] = []
    open_ = Path.open

    def opening(path: Path, *arguments: Any, **options: Any) -> object:
        names.append(path.name)
        return open_(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", opening)
    return names


def test_each_file_is_opened_once_and_one_corpus_opens_its_own_only(
    write: Write, tmp_path: Path, opened: list[str]
) -> None:
    names = [f"c{number}" for number in range(9)]
    for name in names:
        write(GOOD.format(store="/s").replace("alias: tickets", f"alias: {name}"), f"{name}.yaml")
    opened.clear()
    assert list(load_all(tmp_path, {})) == names
    assert sorted(opened) == [f"{name}.yaml" for name in names]
    opened.clear()
    load_named(tmp_path, "c4", {})
    load_corpus(tmp_path / "c5.yaml", {})
    assert opened == ["c4.yaml", "c5.yaml"]
    opened.clear()
    load_beside_others(tmp_path / "c4.yaml", {})
    assert sorted(opened) == [f"{name}.yaml" for name in names]


@pytest.mark.parametrize(("text", "environment"), [(r'"a\0b"', {}), ("${TEAM}", {"TEAM": "half \udcff"})])
def test_characters_that_no_database_stores_are_said(write: Write, text: str, environment: dict[str, str]) -> None:
    message = problems_of(write(GOOD.format(store="/s") + f"description: {text}\n"), environment)
    assert "description has a character that no database stores" in message
    assert "\0" not in message
    assert message.encode()


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert "tickets.yaml cannot be read" in problems_of(tmp_path / "tickets.yaml")


SECRET = "hush12345"
# PyYAML raises no error of its own for what Python cannot make of it.
UNREADABLE = {
    "day": "since: 2024-13-45",
    "number": f"alias: !!int {SECRET}",
    "nothing": "alias: !!int ''",
    "mapping": "source: !!map [a]",
    "truth": f"alias: !!bool {SECRET}",
    "time": f"alias: !!timestamp {SECRET}",
    "tag": f"store: !{SECRET}",
    "within": "tags: &tags [*tags]",
    "deep": "tags: " + "[" * 2000 + "]" * 2000,
}


# Values of a type that nobody expects, where combinations of keys are looked at.
UNEXPECTED = {
    "ids": "source: {uri: x, text_template: '{title}', id_column: [id]}",
    "columns": "source: {uri: x, id_column: id, text_template: '{title}', columns: 1}",
    "field": "index: {vector_field: {a: 1}}",
    "mode": "search: {mode: [hybrid]}",
    "sides": "search: {sides: [[bm25]]}",
    "filter": "index: {alias: {filter: !!set {a}}}",
}


@pytest.mark.parametrize("name", UNEXPECTED)
def test_a_value_of_an_unexpected_type_is_said_of_its_key(write: Write, name: str) -> None:
    key = UNEXPECTED[name].partition(":")[0]
    others = "\n".join(line for line in GOOD.format(store="/s").splitlines() if not line.startswith(f"{key}:"))
    assert f"  - {key}." in problems_of(write(f"{others}\n{UNEXPECTED[name]}\n"))


def test_one_broken_file_harms_no_other(write: Write, tmp_path: Path) -> None:
    write(GOOD.format(store="/s"))
    write("? [a]\n: b\n", "odd.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "folder.yaml").mkdir()
    for name, text in UNREADABLE.items():
        write(text, f"{name}.yaml")
    found = load_all(tmp_path, {})
    assert isinstance(found.pop("tickets"), CorpusConfig)
    assert set(found) == {"odd", "bytes", "folder", *UNREADABLE}
    assert all(isinstance(each, BrokenCorpus) and SECRET not in each.problems for each in found.values())


def test_a_path_below_the_home_folder_is_written_out(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    text = GOOD.replace("data/*.parquet", "~/data/*.parquet").replace(
        "{{source: model_id, model_id: abc}}", "{{source: file, name: m, version: '1', path: ~/m.zip}}"
    )
    config = load_corpus(write(text.format(store="~/store")), {})
    assert config.store == f"{tmp_path}/me/store"
    assert config.source.uri == f"{tmp_path}/me/data/*.parquet"
    assert isinstance(config.encoder.model, FileModel)
    assert config.encoder.model.path == f"{tmp_path}/me/m.zip"
    assert "no such home folder" in problems_of(write(GOOD.format(store="~nobody-of-this-name/x")))
    assert load_corpus(write(GOOD.format(store="./~x")), {}).store == f"{tmp_path}/~x"


@pytest.mark.parametrize(
    ("store", "uri"),
    [
        ("a b: [", "x"),  # not YAML, in the line of a secret
        (f"sftp://me:{SECRET}@host/x", f"https://host/a.parquet?day={{{{data_date}}}}&sig={SECRET}"),
        (f"https://me:{SECRET}@host/x", f"https://host/{{{{data_date}}}}.parquet?sig={SECRET}"),
    ],
)
def test_no_problem_quotes_a_secret(write: Write, store: str, uri: str) -> None:
    text = GOOD.format(store=f"{store}  # {SECRET}").replace(
        "data/*.parquet", f'"{uri.replace("{{", "{").replace("}}", "}")}"'
    )
    message = problems_of(write(f"{text}kind: feed\nx{SECRET}: &\n" if store == "a b: [" else f"{text}kind: feed\n"))
    assert SECRET not in message


TEXTS = (
    "alias: {}",
    "kind: {}",
    "schedule: {}",
    "owner_url: {}",
    "runbook_url: {}",
    "connection: {}",
    "serving_connection: {}",
    "airflow: {{pod_override: {}}}",
    "vectors: {{{0}: {{kind: {0}}}}}",
    "index: {{settings: {{{0}: 1}}, fields: {{x: {{type: {0}}}}}}}",
    "search: {{mode: rerank, sides: [{0}], rerank: {{model: {{source: url, url: {0}, name: {0}}}}}}}",
    "encoder: {{model: {{source: {0}}}, pruning: {{type: {0}}}}}",
)


@pytest.mark.parametrize("key", TEXTS)
@pytest.mark.parametrize("value", [f"https://me:{SECRET}@host/x?sig={SECRET}", f"{SECRET} \udcff"])
def test_a_variable_with_a_secret_in_it_is_not_repeated_wherever_it_stands(write: Write, key: str, value: str) -> None:
    line, name = key.format('"${TOKEN}"'), key.partition(":")[0]
    others = "\n".join(one for one in GOOD.format(store="/s").splitlines() if not one.startswith(f"{name}:"))
    found = load_all(write(f"{others}\n{line}\nsauce: 1\n").parent, {"TOKEN": value})["tickets"]
    assert isinstance(found, BrokenCorpus)
    assert SECRET not in "".join(found.found)


def test_the_day_of_a_feed_cannot_stand_in_the_query(write: Write) -> None:
    text = GOOD.replace("data/*.parquet", '"https://host/a.parquet?day={{data_date}}"') + "kind: feed\n"
    assert "not in the query of a web address" in problems_of(write(text.format(store="/s")))
