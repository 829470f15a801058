"""Names of the DAGs."""

from __future__ import annotations

import hashlib
import re

from sparse_index.config.airflow_rules import LONGEST_DAG_ID, SERVING

PREFIX = "sparse_index__"
_OPERATIONS = "sparse_index_"
_BROKEN = f"{_OPERATIONS}broken_"
ROLLBACK, REDRIVE, JANITOR, FORGET = "rollback", "redrive", "janitor", "forget"


def dag_id(corpus: str) -> str:
    return f"{PREFIX}{corpus}"


def serving_dag_id(corpus: str) -> str:
    """Beside the corpus's own: no corpus is called so. The name of one that is too long is cut."""
    whole = f"{dag_id(corpus)}{SERVING}"
    if len(whole) <= LONGEST_DAG_ID:
        return whole
    end = f"__{_digest(corpus)}{SERVING}"
    return whole[: LONGEST_DAG_ID - len(end)] + end


def _digest(corpus: str) -> str:
    return hashlib.sha256(corpus.encode(errors="surrogateescape")).hexdigest()[:8]


def broken_dag_id(corpus: str) -> str:
    """Never the corpus's own: a run at work keeps its DAG, and its tasks, until the file is right again."""
    return f"{_BROKEN}_{_safe(corpus)}__{_digest(corpus)}"


def broken_serving_dag_id(corpus: str) -> str:
    return f"{_BROKEN}serving__{_safe(corpus)}__{_digest(corpus)}"


def is_broken(dag_id: str) -> bool:
    """Whether it is the DAG of something that cannot be used."""
    return dag_id.startswith(_BROKEN)


def is_broken_serving(dag_id: str) -> bool:
    return dag_id.startswith(f"{_BROKEN}serving__")


def broken_folder_dag_id(folder: str) -> str:
    """Of a folder without corpora."""
    return f"{_BROKEN}folder__{_safe(folder).strip('_')}__{_digest(folder)}"


def broken_alerts_dag_id(folder: str) -> str:
    """Of a deployment whose notifiers cannot be used; one for each folder of corpora."""
    return f"{_BROKEN}alerts__{_digest(folder)}"


def _safe(name: str) -> str:
    return re.sub(r"[^0-9A-Za-z.-]+", "_", name)[-100:]


def display_name(corpus: str) -> str:
    """What the list of DAGs shows: corpora, what serves them and operations stand together."""
    return f"Search index: {corpus}"


def serving_display_name(corpus: str) -> str:
    return f"Search serving: {corpus}"


def operations_display_name(title: str) -> str:
    return f"Search operations: {title}"


def broken_display_name(name: str) -> str:
    return f"BROKEN: {display_name(name)}"


def broken_name(shown: str) -> str:
    """Of what is broken: a corpus, or what all corpora share."""
    return shown.removeprefix(broken_display_name(""))


def operations_dag_id(name: str) -> str:
    """One underscore less than a corpus's, so that no corpus can have it."""
    return f"{_OPERATIONS}{name}"


ROLLBACK_DAG, REDRIVE_DAG, JANITOR_DAG, FORGET_DAG = map(operations_dag_id, (ROLLBACK, REDRIVE, JANITOR, FORGET))


def kind_of(dag_id: str) -> str:
    """`daily`, `serving`, or the name of an operation."""
    if dag_id.startswith(PREFIX):
        return "serving" if dag_id.endswith(SERVING) else "daily"
    return dag_id.removeprefix(_OPERATIONS)
