"""The model's own tokenizer, out of its zip: by it ML Commons cuts texts. The zip is fetched once for it."""

from __future__ import annotations

import zipfile
from contextlib import AbstractContextManager
from typing import IO

from sparse_index.addresses import hide_secrets, public_address
from sparse_index.config.encoder import ExistingModel, FileModel, ModelSource, PretrainedModel, UrlModel
from sparse_index.corpus.tokenizer import TOKENIZER, ModelTokenizer, NoTokenizer, kept_tokenizer, read_tokenizer
from sparse_index.errors import SparseIndexError
from sparse_index.ml.model_zip import UNREADABLE, opened_zip
from sparse_index.store.files import Store
from sparse_index.store.layout import tokenizer_path
from sparse_index.store.refusals import in_short


def find_tokenizer(store: Store, model: ModelSource, fingerprint: str) -> ModelTokenizer | NoTokenizer:
    """The tokenizer of an encoder's model, from the store or else out of the model's zip: then the store has it from now on.

    Never fails for the zip's sake: what a model is needed for fails by itself, and a model that is not needed today may be away.
    """
    kept = kept_tokenizer(store, fingerprint)
    if kept is not None:
        return kept
    content = _content(store, model)
    if isinstance(content, NoTokenizer):
        return content
    found = read_tokenizer(content)
    if isinstance(found, ModelTokenizer):
        store.write_bytes(tokenizer_path(fingerprint), content)
    return found


def _content(store: Store, model: ModelSource) -> bytes | NoTokenizer:
    match model:
        case PretrainedModel():
            return NoTokenizer("the model is named in the cluster's catalogue, and only the cluster has its files")
        case ExistingModel():
            return NoTokenizer("the model is registered in the cluster, which gives no files of it away")
        case FileModel():
            return _out_of(model.path, opened_zip(store, model))
        case UrlModel():
            return _out_of(model.url, opened_zip(store, model))


def _out_of(address: str, opened: AbstractContextManager[IO[bytes]]) -> bytes | NoTokenizer:
    """Of a zip that is opened here, so that what goes wrong with it is told in one way."""
    try:
        with opened as file, zipfile.ZipFile(file) as archive:
            return archive.read(TOKENIZER)
    except KeyError:
        return NoTokenizer(f"{public_address(address)} has no {TOKENIZER} at its top level")
    except (SparseIndexError, *UNREADABLE) as error:
        return NoTokenizer(f"{public_address(address)} cannot be read here ({hide_secrets(in_short(error))})")
