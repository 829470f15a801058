"""Which corpora there are: one YAML file each, found by name so that no path of one machine enters a DAG."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import sparse_index
from sparse_index.config.airflow_rules import corpus_name_problem
from sparse_index.config.load import BrokenCorpus, corpus_files, load_all, load_named
from sparse_index.errors import ConfigError

if TYPE_CHECKING:
    from sparse_index.config.corpus import CorpusConfig

FOLDER_VARIABLE = "SPARSE_INDEX_CORPORA"


def corpora_folder() -> Path:
    """`include/corpora` beside the core, or the folder that the environment names."""
    beside_core = Path(sparse_index.__file__).parents[1] / "corpora"
    return Path(os.environ.get(FOLDER_VARIABLE) or beside_core)


def corpus_names() -> list[str]:
    """The names that a DAG id can have, by their files' names alone."""
    names = (path.stem for path in corpus_files(corpora_folder()))
    return sorted({name for name in names if corpus_name_problem(name) is None})


def corpora(wanted: Callable[[str], bool] | None = None) -> Iterator[tuple[str, CorpusConfig | BrokenCorpus]]:
    """Each corpus and what its file says, every file read once; only the files of the `wanted` names are opened."""
    folder = corpora_folder()
    if wanted is None:
        yield from load_all(folder).items()
        return
    for name in sorted({path.stem for path in corpus_files(folder)}):
        if wanted(name):
            yield name, load_named(folder, name)


def corpus_config(name: str) -> CorpusConfig:
    """The configuration of corpus `name`, whose file alone is read; raises `ConfigError` that lists all its problems."""
    found = load_named(corpora_folder(), name)
    if isinstance(found, BrokenCorpus):
        raise ConfigError(found.problems)
    return found
