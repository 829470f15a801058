"""Reads content of any version and any mischief: what is missing or of another type was not recorded, and is None."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any


def at(content: Any, *names: str) -> Any:
    """What stands under these names, one below the other; None where there is no such thing."""
    for name in names:
        content = content.get(name) if isinstance(content, Mapping) else None
    return content


def number(content: Any, *names: str) -> float | None:
    """A finite number."""
    value = at(content, *names)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def count(content: Any, *names: str) -> int | None:
    """A whole number that is not negative."""
    value = number(content, *names)
    return None if value is None or value < 0 else int(value)


def text(content: Any, *names: str) -> str | None:
    value = at(content, *names)
    return value if isinstance(value, str) and value else None


def moment(content: Any, *names: str) -> datetime | None:
    """UTC."""
    try:
        value = datetime.fromisoformat(text(content, *names) or "")
    except ValueError:
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def day(content: Any, *names: str) -> date | None:
    try:
        return date.fromisoformat((text(content, *names) or "")[:10])
    except ValueError:
        return None


def texts(content: Any, *names: str) -> dict[str, str]:
    """Name -> sentence."""
    value = at(content, *names)
    return {str(name): str(item) for name, item in value.items()} if isinstance(value, Mapping) else {}


def numbers(content: Any, *names: str) -> dict[str, float]:
    """Name -> finite number, of those that have one."""
    value = at(content, *names)
    found = {str(name): number(value, name) for name in value} if isinstance(value, Mapping) else {}
    return {name: item for name, item in found.items() if item is not None}


def lines(content: Any, *names: str) -> tuple[str, ...]:
    value = at(content, *names)
    return tuple(map(str, value)) if isinstance(value, list) else ()
