"""Which corpora there are: one YAML file each, found by name so that no path of one machine enters a DAG."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import sparse_index
from sparse_index.config.load import corpus_files, load_corpus

if TYPE_CHECKING:
    from sparse_index.config.corpus import CorpusConfig

FOLDER_VARIABLE = "SPARSE_INDEX_CORPORA"


def corpora_folder() -> Path:
    """`include/corpora` beside the core, or the folder that the environment names."""
    beside_core = Path(sparse_index.__file__).parents[1] / "corpora"
    return Path(os.environ.get(FOLDER_VARIABLE) or beside_core)


def corpus_names() -> list[str]:
    return [path.stem for path in corpus_files(corpora_folder())]


def corpus_config(name: str) -> CorpusConfig:
    """The configuration of corpus `name`; raises `ConfigError` that lists all problems of its file."""
    return load_corpus(corpora_folder() / f"{name}.yaml")
