"""Habits that every class of the edge keeps; the classes are found, not listed, so that a new one is checked too."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys

import pytest
from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger

import opensearch_ml

MODULES = [info.name for info in pkgutil.walk_packages(opensearch_ml.__path__, "opensearch_ml.")]


def classes_of(base: type) -> list[type]:
    members = (vars(importlib.import_module(name)).values() for name in MODULES)
    found = {item for values in members for item in values if inspect.isclass(item) and issubclass(item, base)}
    return sorted((item for item in found if item.__module__ in MODULES), key=lambda item: item.__qualname__)


OPERATORS = classes_of(BaseOperator)
TRIGGERS = {
    "ModelWaitTrigger": {
        "conn_id": "search",
        "watched": {"waits": {"f1": {"deadline_at": 1.5}}},
        "poll_interval_s": 2.5,
    }
}


def test_there_is_something_to_check() -> None:
    assert len(OPERATORS) > 20


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_a_constructor_only_assigns(operator: type[BaseOperator]) -> None:
    """Template fields are not rendered yet when it runs."""
    if "__init__" not in vars(operator):
        return
    source = inspect.cleandoc("\n" + inspect.getsource(vars(operator)["__init__"]))
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    for statement in function.body:
        is_super = isinstance(statement, ast.Expr) and "super().__init__" in ast.unparse(statement)
        is_assignment = isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name)
        assert is_super or is_assignment, ast.unparse(statement)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_template_fields_exist_and_arguments_are_few(operator: type[BaseOperator]) -> None:
    parameters = set()
    for cls in operator.__mro__:
        if cls.__module__ in MODULES and "__init__" in vars(cls):
            parameters |= set(inspect.signature(vars(cls)["__init__"]).parameters)
    own = parameters - {"self", "kwargs"}
    assert set(operator.template_fields) <= own
    assert len(own) <= 8


def test_every_trigger_has_an_example() -> None:
    assert {trigger.__name__ for trigger in classes_of(BaseTrigger)} == set(TRIGGERS)


@pytest.mark.parametrize("trigger", classes_of(BaseTrigger), ids=lambda trigger: trigger.__name__)
def test_a_trigger_survives_the_way_through_the_database(trigger: type[BaseTrigger]) -> None:
    from airflow.models.trigger import Trigger
    from airflow.sdk.serde import serialize

    first = trigger(**TRIGGERS[trigger.__name__])
    classpath, arguments = first.serialize()
    stored = json.dumps(serialize(arguments))
    again = pkgutil.resolve_name(classpath)(**Trigger._decrypt_kwargs(stored))
    assert type(again) is trigger
    assert again.serialize() == first.serialize()


def test_parsing_a_dag_imports_nothing_heavy() -> None:
    parsed = [name for name in MODULES if not name.startswith("opensearch_ml.console.")]  # the API server's alone
    imports = "; ".join(f"import {name}" for name in parsed if name != "opensearch_ml.hooks")
    heavy = "[m for m in ('pyarrow', 'duckdb', 'opensearchpy') if m in sys.modules]"
    script = f"import sys; {imports}, opensearch_ml.hooks; print({heavy})"
    path = f"import sys; sys.path[:0] = {sys.path!r}; "
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", path + script], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip().splitlines()[-1] == "[]"
