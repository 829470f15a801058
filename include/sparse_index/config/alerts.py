"""Who is told when something happens: notifier classes of Airflow's providers, by import path."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from sparse_index.config.encoder import Section
from sparse_index.errors import ConfigError

ALERTS_VARIABLE = "SPARSE_INDEX_ALERTS"
_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def _import_path(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise ValueError("it is no import path of a class: write package.module.Class")
    return path


class AlertConfig(Section):
    """`notifier`: import path of the class; `arguments`: what it is made with, texts of them as templates over `alert`. They
    may hold a secret, and are shown and kept nowhere."""

    notifier: Annotated[str, AfterValidator(_import_path)]
    arguments: dict[str, Any] = Field(default_factory=dict, repr=False)


_ALERTS: TypeAdapter[tuple[AlertConfig, ...]] = TypeAdapter(tuple[AlertConfig, ...])


def readable_alerts(given: Any) -> tuple[AlertConfig, ...]:
    """Those of a list, of a corpus file or of the deployment, in which something may be wrong."""
    found = list[AlertConfig]()
    for one in given if isinstance(given, list | tuple) else ():
        with suppress(ValidationError):
            found.append(AlertConfig.model_validate(one))
    return tuple(found)


def readable_deployment_alerts() -> tuple[AlertConfig, ...]:
    """Those that the environment has for all corpora and that can be used."""
    with suppress(ValueError):
        return readable_alerts(json.loads(os.environ.get(ALERTS_VARIABLE, "")))
    return ()


def deployment_alerts(environment: Mapping[str, str] | None = None) -> tuple[AlertConfig, ...]:
    """Those that the environment has for all corpora, a JSON list; ConfigError says what is wrong with it, and repeats none."""
    given = (os.environ if environment is None else environment).get(ALERTS_VARIABLE, "").strip()
    try:
        return _ALERTS.validate_json(given or "[]")
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors())
        example = '[{"notifier": "package.module.Class", "arguments": {}}]'
        raise ConfigError(f"{ALERTS_VARIABLE} cannot be used: {found}. Write a JSON list: {example}") from None
