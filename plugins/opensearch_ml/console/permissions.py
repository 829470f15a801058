"""Who may see what. Airflow's own auth manager answers; the console knows no accounts and no roles."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, HTTPException, Request

from opensearch_ml.dag_names import dag_id
from sparse_index.console.listed import Listed

CONTENT_VARIABLE = "SPARSE_INDEX_CONSOLE_CONTENT"
User = GetUserDep
_NOT_THERE = "There is no such corpus, or you may not read its DAG."


def readable_corpora(request: Request, user: GetUserDep) -> list[Listed]:
    """The corpora whose DAG the user may read: nobody learns from the console that there are others."""
    found: list[Listed] = request.app.state.console.sources.corpora()
    allowed = get_auth_manager().get_authorized_dag_ids(user=user, method="GET")
    # What is broken has a DAG of its own; it is the corpus of who may read the DAG that it had.
    return [each for each in found if each.dag_id in allowed or (each.is_broken and dag_id(each.corpus) in allowed)]


Corpora = Annotated[list[Listed], Depends(readable_corpora)]


def readable_corpus(corpus: str, corpora: Corpora) -> Listed:
    """404 alike for one that is not there and one that is not theirs."""
    for each in corpora:
        if each.corpus == corpus:
            return each
    raise HTTPException(404, _NOT_THERE)


ReadableCorpus = Annotated[Listed, Depends(readable_corpus)]


def shows_content() -> bool:
    return os.environ.get(CONTENT_VARIABLE, "on").lower() != "off"


def corpus_with_content(listed: ReadableCorpus, request: Request, user: GetUserDep) -> Listed:
    """403 for who may not edit the corpus's DAG, and for everybody where content is switched off."""
    if not shows_content():
        raise HTTPException(403, f"This Airflow shows no content of corpora ({CONTENT_VARIABLE} is off).")
    if not may_edit(request, user, listed.dag_id):
        raise HTTPException(403, "Who sees content of a corpus has to be allowed to edit its DAG.")
    return listed


CorpusWithContent = Annotated[Listed, Depends(corpus_with_content)]


def may_see_content(request: Request, user: GetUserDep, dag_id: str) -> bool:
    """Texts of the corpus, on a page that shows more than those."""
    return shows_content() and may_edit(request, user, dag_id)


def may_edit(request: Request, user: GetUserDep, dag_id: str) -> bool:
    return _is_allowed(lambda: requires_access_dag("PUT", param_dag_id=dag_id)(request, user))


def editable_dags(user: User) -> set[str]:
    """Of whose corpora the user sees content; none where it is switched off."""
    return get_auth_manager().get_authorized_dag_ids(user=user, method="PUT") if shows_content() else set()


def may_run(request: Request, user: GetUserDep, dag_id: str) -> bool:
    """Whether a button that starts a run of the DAG is shown; Airflow decides again when it is pressed."""
    return _is_allowed(lambda: requires_access_dag("POST", DagAccessEntity.RUN, dag_id)(request, user))


def may_read_runs(request: Request, user: GetUserDep, dag_id: str) -> bool:
    return _is_allowed(lambda: requires_access_dag("GET", DagAccessEntity.RUN, dag_id)(request, user))


def _is_allowed(ask: Callable[[], None]) -> bool:
    try:
        ask()
    except HTTPException as error:
        if error.status_code == 403:
            return False
        raise
    return True
