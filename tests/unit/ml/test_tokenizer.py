"""The tokenizer of a model, out of its zip and out of the store."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from sparse_index.config.encoder import ExistingModel, FileModel, PretrainedModel, UrlModel
from sparse_index.corpus.tokenizer import ModelTokenizer, NoTokenizer, kept_tokenizer, read_tokenizer
from sparse_index.ml.tokenizer import find_tokenizer
from sparse_index.store.files import Store

DEMO = Path(__file__).parents[3] / "include" / "demo" / "toy_models" / "sparse" / "model.zip"
FINGERPRINT = "0123456789abcdef"
TEXT = "My parcel didn't arrive; I want my money back."


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"file://{tmp_path}/store")


def file_model(path: object) -> FileModel:
    return FileModel(source="file", name="m", version="1", path=str(path))


def url_model(path: Path, sha256: str) -> UrlModel:
    # fsspec opens any address; a web server has no part in what is tested.
    return UrlModel(source="url", name="m", version="1", url=path.as_uri(), sha256=sha256)


def packed(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def demo_json() -> dict[str, object]:
    with zipfile.ZipFile(DEMO) as archive:
        content: dict[str, object] = json.loads(archive.read("tokenizer.json"))
    return content


def found(store: Store, model: FileModel | UrlModel) -> ModelTokenizer:
    tokenizer = find_tokenizer(store, model, FINGERPRINT)
    assert isinstance(tokenizer, ModelTokenizer)
    return tokenizer


def test_counts_beyond_the_length_at_which_the_model_cuts(store: Store) -> None:
    tokenizer = found(store, file_model(DEMO))
    assert tokenizer.cut_at == 512
    once, often = tokenizer.counts([TEXT, TEXT * 100])
    assert once > tokenizer.special == 2
    assert often - 2 == 100 * (once - 2) > 512


def test_never_pads_whatever_the_file_says() -> None:
    fixed = {"strategy": {"Fixed": 128}, "direction": "Right", "pad_to_multiple_of": None}
    padding = {**fixed, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}
    content = demo_json() | {"padding": padding, "truncation": None}
    tokenizer = read_tokenizer(json.dumps(content).encode())
    assert isinstance(tokenizer, ModelTokenizer)
    assert tokenizer.cut_at is None
    assert tokenizer.counts(["money"]) == [3]


def test_spans_are_places_in_the_text_as_it_is(store: Store) -> None:
    text = "Café MONEY  back"
    (spans,) = found(store, file_model(DEMO)).spans([text])
    assert [text[start:end].lower() for start, end in spans][-2:] == ["money", "back"]
    assert "".join(text[start:end] for start, end in spans) == "CaféMONEYback"


def test_is_read_from_the_store_once_it_was_found(store: Store, tmp_path: Path) -> None:
    zip_file = packed(tmp_path / "model.zip", {"tokenizer.json": json.dumps(demo_json()).encode()})
    assert kept_tokenizer(store, FINGERPRINT) is None
    before = found(store, file_model(zip_file)).counts([TEXT])
    zip_file.unlink()
    assert found(store, file_model(zip_file)).counts([TEXT]) == before
    kept = kept_tokenizer(store, FINGERPRINT)
    assert kept is not None
    assert kept.cut_at == 512


def test_reads_a_model_at_an_url_whole_and_compares_its_sha256(store: Store) -> None:
    sha256 = hashlib.sha256(DEMO.read_bytes()).hexdigest()
    assert found(store, url_model(DEMO, sha256)).cut_at == 512
    assert [file.path for file in store.listing()] == [f"vectors/{FINGERPRINT}/tokenizer.json"]


def test_another_file_at_the_url_is_no_tokenizer_of_this_model(store: Store) -> None:
    missing = find_tokenizer(store, url_model(DEMO, "0" * 64), FINGERPRINT)
    assert isinstance(missing, NoTokenizer)
    assert "its sha256 is" in missing.why
    assert f"the corpus file says {'0' * 64}" in missing.why
    assert store.listing() == []


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (PretrainedModel(source="pretrained", name="amazon/m", version="1"), "only the cluster has its files"),
        (ExistingModel(source="model_id", model_id="abc"), "gives no files of it away"),
        (file_model("/nowhere/model.zip"), "/nowhere/model.zip cannot be read here (FileNotFoundError"),
        (file_model("nosuch://host/model.zip"), "cannot be read here"),
    ],
)
def test_says_why_there_is_none(store: Store, model: FileModel, why: str) -> None:
    missing = find_tokenizer(store, model, FINGERPRINT)
    assert isinstance(missing, NoTokenizer)
    assert why in missing.why


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"model.pt": b"x"}, "has no tokenizer.json at its top level"),
        ({"tokenizer.json": b"{}"}, "cannot be read (Model missing"),
        ({"tokenizer.json": b"\xff"}, "cannot be read"),
    ],
)
def test_says_what_is_wrong_with_a_zip(store: Store, tmp_path: Path, members: dict[str, bytes], why: str) -> None:
    missing = find_tokenizer(store, file_model(packed(tmp_path / "model.zip", members)), FINGERPRINT)
    assert isinstance(missing, NoTokenizer)
    assert why in missing.why
    assert store.listing() == []


def test_a_file_that_is_no_zip_and_the_secrets_of_an_address(store: Store, tmp_path: Path) -> None:
    (tmp_path / "model.zip").write_bytes(b"no zip")
    missing = find_tokenizer(store, file_model(tmp_path / "model.zip"), FINGERPRINT)
    assert isinstance(missing, NoTokenizer)
    assert "BadZipFile" in missing.why
    away = find_tokenizer(store, file_model("http://user:secret@127.0.0.1:9/m.zip?sig=secret"), FINGERPRINT)
    assert isinstance(away, NoTokenizer)
    assert "secret" not in away.why
