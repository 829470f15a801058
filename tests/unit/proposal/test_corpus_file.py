"""The file that `new` writes: it loads, fits its corpus, and takes the place of no other."""

from __future__ import annotations

import json
import sys
import zipfile
from functools import partial
from io import StringIO
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plan_help import corpus_documents
from sparse_index.cli.main import main
from sparse_index.config.encoder import FileModel, PretrainedModel
from sparse_index.config.load import load_corpus
from sparse_index.errors import ConfigError
from sparse_index.proposal.corpus_file import Home, name_of, write_corpus_file
from sparse_index.proposal.look import look_at, values_of
from sparse_index.proposal.propose import Wanted, propose

ROWS: dict[str, Any] = {
    "id": ["a", "b"],
    "body": ["a fridge that hums at night", "a phone with a cracked screen"],
    "status": ["open", "closed"],
    "notes\nand more": ["x", "y"],
}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    pq.write_table(pa.table(ROWS), tmp_path / "My Rows.parquet")
    return tmp_path / "My Rows.parquet"


def written(rows: Path, **home: Any) -> Path:
    look = look_at(str(rows))
    proposal = propose(look, Wanted(), partial(values_of, look))
    described = {"name": "rows", "store": str(rows.parent / "store"), **home}
    return write_corpus_file(rows.parent / "corpora", look, proposal, Home(**described))


def test_it_loads_and_says_why(rows: Path) -> None:
    file = written(rows)
    config = load_corpus(file)
    assert (config.alias, config.source.id_column, config.source.text_template) == ("rows", "id", "{body}")
    assert config.source.columns == list(ROWS)
    assert config.index.fields["status"] == {"type": "keyword"}
    assert isinstance(config.encoder.model, PretrainedModel)
    assert (config.query.analyzer, config.cluster_settings, config.index.replicas) == ("bert-uncased", "check", 1)
    comments = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert "# id: id: all 2 values differ, and its name says so" in comments
    assert "# notes and more: keyword, short and for filters" in comments


def test_a_place_that_cannot_be_written_is_said(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", str(rows), "--out", str(rows)]) == 1
    assert capsys.readouterr().err == f"ConfigError: {rows} cannot be written (File exists). Name another place.\n"


def test_who_leaves_without_an_answer_leaves_no_file(
    rows: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Left(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Left())
    assert main(["new", str(rows), "--out", str(rows.parent / "corpora")]) == 1
    assert "ConfigError: Nobody answered what 'Id column' is to be, and nothing was written." in capsys.readouterr().err
    assert not (rows.parent / "corpora").exists()


def test_a_file_that_is_there_stays(rows: Path) -> None:
    file = written(rows)
    before = file.read_bytes()
    with pytest.raises(ConfigError, match=r"rows\.yaml is there already, and stays as it is\. .*--name"):
        written(rows, store="elsewhere")
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("home", "message"),
    [
        ({"name": "A--B"}, "an alias has lower case letters"),
        ({"name": "other"}, "alias 'other' is also used by taken.yaml"),
        ({"store": "{folder}/inside"}, "store"),
    ],
)
def test_what_would_not_load_is_not_written(rows: Path, home: dict[str, str], message: str) -> None:
    folder = rows.parent / "corpora"
    folder.mkdir()
    (folder / "taken.yaml").write_text("alias: other\n")
    inside = {name: value.format(folder=rows) for name, value in home.items()}
    with pytest.raises(ConfigError, match=message):
        written(rows, **inside)
    assert [path.name for path in folder.iterdir()] == ["taken.yaml"]


def packed(folder: Path, **config: str) -> Path:
    folder.mkdir()
    tokenizer = {"truncation": {"max_length": 77, "stride": 0, "strategy": "LongestFirst", "direction": "Right"}}
    model = {"type": "WordLevel", "vocab": {"a": 0, "[UNK]": 1}, "unk_token": "[UNK]"}
    with zipfile.ZipFile(folder / "model.zip", "w") as archive:
        archive.writestr("tokenizer.json", json.dumps({"version": "1.0", "model": model, **tokenizer}))
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_packed_model_is_named_with_what_it_says_of_itself(rows: Path) -> None:
    model = packed(rows.parent / "model", name="tiny", version="2.0", model_format="TORCH_SCRIPT")
    config = load_corpus(written(rows, model=model, is_local=True))
    assert config.encoder.model == FileModel(
        source="file", name="tiny", version="2.0", path=str(model / "model.zip"), model_format="TORCH_SCRIPT"
    )
    assert config.encoder.max_tokens == 77
    assert (config.cluster_settings, config.index.replicas) == ("ensure", 0)


def test_a_folder_without_a_packed_model_is_refused(rows: Path) -> None:
    with pytest.raises(ConfigError, match=r"is no packed model .*version"):
        written(rows, model=packed(rows.parent / "model", name="tiny"))
    with pytest.raises(ConfigError, match="is no packed model"):
        written(rows, model=rows.parent / "nowhere")


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("/data/My Rows.parquet", "my-rows"),
        ("s3://lake/contracts/clauses/*.parquet", "clauses"),
        ("https://host/Kurs_2026.parquet?signature=secret", "kurs_2026"),
        ("/data/a -- b/", "a-b"),
        ("日本.parquet", "corpus"),
    ],
)
def test_a_corpus_has_a_name_after_its_address(uri: str, name: str) -> None:
    assert name_of(uri) == name


def test_the_command_takes_the_proposal_where_nobody_can_be_asked(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = rows.parent / "corpora"
    assert main(["new", str(rows), "--out", str(out), "--store", str(rows.parent / "store")]) == 0
    assert capsys.readouterr().out.endswith(f"Corpus file: {out / 'my-rows.yaml'}\n")
    assert load_corpus(out / "my-rows.yaml").source.uri == str(rows)


def test_a_person_on_a_terminal_is_asked_for_what_was_not_said(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = []

    def answer(question: str) -> str:
        questions.append(question)
        return "{status}: {body}" if question.startswith("Text") else ""

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", answer)
    words = ["new", str(rows), "--out", str(rows.parent / "corpora"), "--store", str(rows.parent / "store")]
    assert main(words) == 0
    assert questions == ["Id column [id]: ", "Text [{body}]: "]
    config = load_corpus(rows.parent / "corpora" / "my-rows.yaml")
    assert (config.source.id_column, config.source.text_template) == ("id", "{status}: {body}")


def test_the_command_says_what_to_pass(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pq.write_table(pa.table({"id": [1, 1], "body": ROWS["body"]}), rows)
    assert main(["new", str(rows), "--out", str(rows.parent / "corpora")]) == 1
    assert "ConfigError: No column of" in capsys.readouterr().err
    assert not (rows.parent / "corpora").exists()


@pytest.mark.parametrize(
    ("address", "name", "rows"),
    [
        ("", "lake", 4),
        ("/**/*.parquet", "lake", 4),
        ("/year=*/lang=en", "lang-en", 2),
        ("/year=2024", "year-2024", 2),
    ],
)
def test_a_folder_a_glob_and_partitions_are_read_as_a_build_reads_them(
    tmp_path: Path, address: str, name: str, rows: int
) -> None:
    lake = tmp_path / "lake"
    for number, (year, lang) in enumerate(product(("2023", "2024"), ("en", "de"))):
        folder = lake / f"year={year}" / f"lang={lang}"
        folder.mkdir(parents=True)
        table = pa.table({"nr": [number], "body": [f"the fridge {number} hums at night"]})
        pq.write_table(table, folder / "part-0.parquet")
    (lake / "readme.txt").write_text("no rows")
    look = look_at(f"{lake}{address}")
    proposal = propose(look, Wanted(), partial(values_of, look))
    file = write_corpus_file(
        tmp_path / "corpora", look, proposal, Home(name_of(look.source.uri), str(tmp_path / "store"))
    )
    assert file.stem == name
    config = load_corpus(file)
    documents = corpus_documents(config)
    assert len(documents) == rows
    # What folders say above the address is no column.
    columns = {"year": {2023, 2024}, "lang": {"en", "de"}} if not address.startswith("/year=") else {}
    for column, values in columns.items():
        assert {document.fields[column] for document in documents} == values
    assert config.index.fields.get("lang", {"type": "keyword"}) == {"type": "keyword"}
    said = file.read_text(encoding="utf-8")
    assert ("readme.txt" in said) is (address == "")
