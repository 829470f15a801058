"""The `airflow` block of a corpus file as arguments of operators."""

from __future__ import annotations

import re
from typing import Any

from airflow.sdk.configuration import conf

from sparse_index.config.tasks import AirflowConfig, TaskSettings


def operator_arguments(settings: TaskSettings) -> dict[str, Any]:
    """Only what is set: everything else stays as DAG and Airflow have it."""
    given = {name: getattr(settings, name) for name in TaskSettings.model_fields}
    arguments = {name: value for name, value in given.items() if value is not None}
    if "pod_override" in arguments:
        arguments["executor_config"] = {"pod_template_file": arguments.pop("pod_override")}
    return arguments


def executor_problem(settings: AirflowConfig) -> str | None:
    """Which executor this Airflow does not have, so that it would take no DAG with such a task; None when it has all."""
    configured = conf.get("core", "executor")
    # A list of `[team=][alias:]class`; Airflow takes alias, class and path of the class for a name.
    there = {part.strip().rpartition(".")[2] for part in re.split("[,;:=]", configured)}
    for executor in (settings.executor, settings.encode.executor, settings.index.executor):
        if executor is not None and executor.rpartition(".")[2] not in there:
            return (
                f"airflow: executor '{executor}' is not among Airflow's own, [core] executor = {configured}. "
                "Add it there, or correct the corpus file."
            )
    return None
