"""The corpus file's `airflow` block: where, and how often, Airflow runs the tasks of a corpus."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from sparse_index.config.encoder import Section

_Name = Annotated[str, Field(min_length=1, max_length=256)]  # as long as Airflow's database takes them
_Weight = Annotated[int, Field(ge=-(2**31), lt=2**31)]


class TaskSettings(Section):
    """What is left out is Airflow's own default. `pod_override`: path of a pod template that the scheduler reads, for tasks of
    the KubernetesExecutor."""

    queue: _Name | None = None
    pool: _Name | None = None
    priority_weight: _Weight | None = None
    retries: Annotated[int, Field(ge=0, le=100)] | None = None
    executor: _Name | None = None
    pod_override: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, raw: Any) -> Any:
        unknown = sorted(map(str, raw.keys() - cls.model_fields.keys())) if isinstance(raw, dict) else []
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is not known here; known are {', '.join(cls.model_fields)}")
        return raw

    @field_validator("pod_override")
    @classmethod
    def _path_is_whole(cls, path: str | None) -> str | None:
        if path is not None and not PurePosixPath(path).is_absolute():
            raise ValueError(f"'{path}' is no whole path: the scheduler reads it, and is in another folder")
        return path


class AirflowConfig(TaskSettings):
    """For all tasks of the corpus's DAGs, and again for each part of `encode` and of `index`."""

    encode: TaskSettings = TaskSettings()
    index: TaskSettings = TaskSettings()
