"""Numbers and times as people read them."""

from __future__ import annotations

from datetime import datetime

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_AGO = ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute"))


def whole(value: float) -> str:
    return f"{value:,.0f}"


def short(value: float) -> str:
    """As short as it says the same."""
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def rate(value: float) -> str:
    return f"{value:,.1f}/s"


def share(percent: float) -> str:
    return f"{percent:.0f} %"


def size(value: float) -> str:
    """Decimal units."""
    for unit in _UNITS[:-1]:
        if abs(value) < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} {_UNITS[-1]}"


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s" if 0 < seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def ago(when: datetime, now: datetime) -> str:
    seconds = (now - when).total_seconds()
    if seconds < 0:
        return f"in {_span(-seconds)}"
    return f"{_span(seconds)} ago"


def age(of: datetime, now: datetime) -> str:
    return _span((now - of).total_seconds())


def _span(seconds: float) -> str:
    for unit_s, name in _AGO:
        if seconds >= unit_s:
            many = int(seconds // unit_s)
            return f"{many} {name}{'s' if many != 1 else ''}"
    return "a moment"
