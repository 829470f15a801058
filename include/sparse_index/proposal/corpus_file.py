"""The corpus file of a proposal: YAML with the reasons as comments, checked like any other before anybody sees it."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sparse_index.addresses import public_address
from sparse_index.config.load import load_beside_others
from sparse_index.corpus.schema import decide
from sparse_index.corpus.tokenizer import ModelTokenizer, read_tokenizer
from sparse_index.errors import ConfigError, SparseIndexError
from sparse_index.proposal.look import Look
from sparse_index.proposal.propose import Proposal, in_words

# Texts and queries are cut alike by the word pieces of BERT, which both models have.
_ANALYZER = "bert-uncased"
_CATALOGUE_MODEL = {
    "source": "pretrained",
    "name": "amazon/neural-sparse/opensearch-neural-sparse-encoding-doc-v3-distill",
    "version": "1.0.0",
}
_CONFIG, _ARCHIVE, _TOKENIZER = "config.json", "model.zip", "tokenizer.json"
_NO_NAME = re.compile(r"[^a-z0-9._]+")
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Home:
    """Where the index and its builds are to be. `model`: a folder with a packed sparse model (model.zip, config.json), None: one
    that the cluster downloads. `is_local`: the cluster is one node of one's own, whose settings a run may change."""

    name: str
    store: str
    model: Path | None = None
    is_local: bool = False


def name_of(uri: str) -> str:
    """A name for the corpus, after its file or folder."""
    parts = [part for part in public_address(uri).split("/") if part and not _GLOB.search(part)]
    stem = parts[-1].removesuffix(".parquet").lower() if parts else ""
    return _NO_NAME.sub("-", stem).strip("-._")[:100] or "corpus"


def write_corpus_file(folder: Path, look: Look, proposal: Proposal, home: Home) -> Path:
    """The new file, which loads and fits its corpus; ConfigError, and no file, when it does not, or one of its name is there."""
    content, file = _content(look, proposal, home), folder / f"{home.name}.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(content)
    except FileExistsError as error:
        raise ConfigError(f"{file} is there already, and stays as it is. Remove it, or pass another --name.") from error
    try:
        decide(load_beside_others(file), look.typed, None, anew=True)
    except SparseIndexError:
        file.unlink()
        raise
    return file


def _content(look: Look, proposal: Proposal, home: Home) -> str:
    lines = [
        "Proposed. Read it and correct what is wrong; docs/add-a-corpus.md has every key.",
        *in_words(look, proposal),
    ]
    body = yaml.safe_dump(_values(look, proposal, home), sort_keys=False, allow_unicode=True, width=120)
    return f"{_comments(lines)}{body}"


def _comments(lines: Iterable[str]) -> str:
    """Names of columns may hold anything, line breaks too."""
    return "".join(f"# {''.join(sign if sign.isprintable() else ' ' for sign in line)}\n" for line in lines)


def _values(look: Look, proposal: Proposal, home: Home) -> dict[str, Any]:
    source = {
        "uri": look.source.uri,
        "id_column": proposal.id_column,
        "text_template": proposal.text_template,
        "columns": list(proposal.columns),
    }
    local = {"cluster_settings": "ensure"} if home.is_local else {}
    index = ({"fields": dict(proposal.fields)} if proposal.fields else {}) | ({"replicas": 0} if home.is_local else {})
    return {
        "alias": home.name,
        "store": home.store,
        **local,
        "source": source,
        "encoder": {**_encoder(home.model), "pruning": {"type": "max_ratio", "value": 0.1}},
        **({"index": index} if index else {}),
        "query": {"analyzer": _ANALYZER},
    }


def _encoder(folder: Path | None) -> Mapping[str, Any]:
    if folder is None:
        return {"model": _CATALOGUE_MODEL}
    archive = folder / _ARCHIVE
    try:
        packed = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        model = {name: packed[name] for name in ("name", "version", "model_format")}
        with zipfile.ZipFile(archive) as members:
            tokenizer = read_tokenizer(members.read(_TOKENIZER))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ConfigError(
            f"--model {folder} is no packed model ({error!r}): it has model.zip with a tokenizer.json, and config.json with "
            "name, version and model_format. `python -m demo.real_models` packs two."
        ) from error
    encoder: dict[str, Any] = {"model": {"source": "file", **model, "path": str(archive.absolute())}}
    cut_at = tokenizer.cut_at if isinstance(tokenizer, ModelTokenizer) else None
    return encoder | ({"max_tokens": cut_at} if cut_at else {})
