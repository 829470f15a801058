"""The toy models' committed files: small, complete, and the ones that their configuration names."""

import hashlib
import json
import zipfile

import pytest

from demo.model_server import TOY_MODELS

KINDS = {"sparse": "SPARSE_ENCODING", "dense": "TEXT_EMBEDDING", "cross": "TEXT_SIMILARITY"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_at_most_one_megabyte_and_hashed(kind: str) -> None:
    archive = TOY_MODELS / kind / "model.zip"
    config = json.loads((TOY_MODELS / kind / "config.json").read_text(encoding="utf-8"))
    assert archive.stat().st_size <= 1_000_000
    assert config["model_content_hash_value"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert config["function_name"] == KINDS[kind]
    assert config["model_format"] == "TORCH_SCRIPT"


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_zip_holds_one_script_and_its_tokenizer(kind: str) -> None:
    with zipfile.ZipFile(TOY_MODELS / kind / "model.zip") as archive:
        assert sorted(archive.namelist()) == sorted([f"{kind}.pt", "tokenizer.json"])
        tokenizer = json.loads(archive.read("tokenizer.json"))
    assert tokenizer["truncation"]["max_length"] == 512
    assert {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "refund", "shattered"} <= tokenizer["model"]["vocab"].keys()
