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


def executors_of(setting: str) -> list[tuple[str, str]]:
    """(Alias, class) of each executor in Airflow's setting: `[alias:]class` between commas, those of a team after a semicolon and
    `team=`. The alias is empty where there is none, the class without its path."""
    named = (entry.rpartition("=")[2].rpartition(":") for entry in re.split("[,;]", setting))
    return [(alias.strip(), path.rpartition(".")[2].strip()) for alias, _, path in named]


def executor_problem(settings: AirflowConfig) -> str | None:
    """Which executor this Airflow does not have, so that it would take no DAG with such a task; None when it has all."""
    configured = conf.get("core", "executor")
    # Airflow takes alias, class and path of the class for a name.
    there = {name for executor in executors_of(configured) for name in executor}
    for executor in (settings.executor, settings.encode.executor, settings.index.executor):
        if executor is not None and executor.rpartition(".")[2] not in there:
            return (
                f"airflow: executor '{executor}' is not among Airflow's own, [core] executor = {configured}. "
                "Add it there, or correct the corpus file."
            )
    return None
