"""Names of the DAGs."""

from __future__ import annotations

import hashlib
import re

from sparse_index.config.airflow_rules import corpus_name_problem

PREFIX = "sparse_index__"


ROLLBACK, JANITOR, FORGET = "rollback", "janitor", "forget"


def dag_id(corpus: str) -> str:
    return f"{PREFIX}{corpus}"


def broken_dag_id(corpus: str) -> str:
    """The corpus's own id where Airflow takes it; else one made safe, that no corpus and no other file can have."""
    if corpus_name_problem(corpus) is None:
        return dag_id(corpus)
    digest = hashlib.sha256(corpus.encode(errors="surrogateescape")).hexdigest()[:8]
    return operations_dag_id(f"broken__{re.sub(r'[^0-9A-Za-z.-]+', '_', corpus)[:100]}__{digest}")


def operations_dag_id(name: str) -> str:
    """One underscore less than a corpus's, so that no corpus can have it."""
    return f"sparse_index_{name}"


ROLLBACK_DAG, JANITOR_DAG, FORGET_DAG = map(operations_dag_id, (ROLLBACK, JANITOR, FORGET))
