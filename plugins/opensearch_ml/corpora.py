"""Which corpora there are: one YAML file each, found by name so that no path of one machine enters a DAG.

A DAG file that names a folder leaves it in the DAG's macros, which Airflow stores nowhere: a task finds it there when its
worker has parsed the same file, in the bundle version of its run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sparse_index
from sparse_index.config.airflow_rules import corpus_name_problem
from sparse_index.config.load import BrokenCorpus, corpus_files, load_all, load_named
from sparse_index.errors import ConfigError

if TYPE_CHECKING:
    from sparse_index.config.corpus import CorpusConfig

FOLDER_VARIABLE = "SPARSE_INDEX_CORPORA"
_REMEDY = f"Put a file there for each corpus, or name the right folder to every process of Airflow: {FOLDER_VARIABLE}."
FOLDER_MACRO = "corpora_folder"


def corpora_folder(given: Path | None = None) -> Path:
    """The one that a DAG file has `given`; else the one that the environment names; else `corpora` beside the core."""
    if given is not None:
        return given
    beside_core = Path(sparse_index.__file__).parents[1] / "corpora"
    return Path(os.environ.get(FOLDER_VARIABLE) or beside_core)


def folder_problem(folder: Path) -> str | None:
    """Why there is not one corpus, in words."""
    if not folder.is_dir():
        return f"there is no folder {folder}. {_REMEDY}"
    return None if corpus_files(folder) else f"{folder} has no corpus file (*.yaml). {_REMEDY}"


def macros_of(given: Path | None) -> dict[str, Any]:
    """What a DAG keeps of the folder that its file has `given`."""
    return {} if given is None else {FOLDER_MACRO: given}


def folder_of(context: Any) -> Path:
    """The folder of the corpora of a task's DAG."""
    return corpora_folder((context["dag"].user_defined_macros or {}).get(FOLDER_MACRO))


def corpus_names(folder: Path) -> list[str]:
    """The names that a DAG id can have, by their files' names alone."""
    names = (path.stem for path in corpus_files(folder))
    return sorted({name for name in names if corpus_name_problem(name) is None})


def corpora(
    folder: Path, wanted: Callable[[str], bool] | None = None
) -> Iterator[tuple[str, CorpusConfig | BrokenCorpus]]:
    """Each corpus and what its file says, every file read once; only the files of the `wanted` names are opened."""
    if wanted is None:
        yield from load_all(folder).items()
        return
    for name in sorted({path.stem for path in corpus_files(folder)}):
        if wanted(name):
            yield name, load_named(folder, name)


def corpus_config(folder: Path, name: str) -> CorpusConfig:
    """The configuration of corpus `name`, whose file alone is read; raises `ConfigError` that lists all its problems."""
    found = load_named(folder, name)
    if isinstance(found, BrokenCorpus):
        raise ConfigError(found.problems)
    return found
