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
    return [theirs for each in found if (theirs := _readable(each, allowed)) is not None]


def _readable(listed: Listed, allowed: set[str]) -> Listed | None:
    """What is broken has a DAG of its own, which says why; it is the corpus of who may read the DAG that it had."""
    if listed.dag_id in allowed or (listed.is_broken and dag_id(listed.corpus) in allowed):
        return listed
    return listed.undeclared if listed.is_broken and listed.broken_dag in allowed else None


Corpora = Annotated[list[Listed], Depends(readable_corpora)]


class UndeclaredError(Exception):
    """There is nothing to show of a corpus but why its file cannot be used."""

    def __init__(self, listed: Listed) -> None:
        super().__init__(f"Corpus '{listed.corpus}' cannot be used.")
        self.listed = listed


def readable_corpus(corpus: str, corpora: Corpora) -> Listed:
    """404 alike for one that is not there and one that is not theirs. UndeclaredError where nobody knows its alias and store."""
    for each in corpora:
        if each.corpus == corpus:
            if not each.is_declared:
                raise UndeclaredError(each)
            return each
    raise HTTPException(404, _NOT_THERE)


def corpus_of_dag(corpora: list[Listed], dag: str) -> Listed | None:
    """None of a DAG that is not ours, or that the user may not read. UndeclaredError of one that only tells what is broken."""
    for each in corpora:
        if dag in (each.dag_id, each.broken_dag, dag_id(each.corpus)):
            if not each.is_declared or dag == each.broken_dag:
                raise UndeclaredError(each)
            return each
    return None


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
