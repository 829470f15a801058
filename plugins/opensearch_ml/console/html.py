"""Templates to answers. Everything that is put into a template is escaped, charts excepted, which have done it themselves."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from opensearch_ml.console.views import CONSOLE
from sparse_index.console import charts, words
from sparse_index.console.timeline import NOT_RECORDED
from sparse_index.timing import utc_now

_HERE = Path(__file__).parent
_LOGIN_MISSING = 401


def page(request: Request, template: str, code: int = 200, **values: Any) -> HTMLResponse:
    root = request.scope.get("root_path", "")
    shared = {
        "root": root,
        "base": root.removesuffix(f"/{CONSOLE}"),
        "now": utc_now(),
        "page_address": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "definitions": charts.definitions(),
    }
    return HTMLResponse(_environment().get_template(template).render(shared | values), code)


def error_page(request: Request, error: Any) -> HTMLResponse:
    """HTTPExceptions as a page."""
    said = "You are not logged in to Airflow." if error.status_code == _LOGIN_MISSING else str(error.detail)
    return page(request, "error.html", error.status_code, said=said, number=error.status_code)


def invalid_page(request: Request, error: Any) -> HTMLResponse:
    """A parameter that is not what it has to be."""
    names = ", ".join(str(each["loc"][-1]) for each in error.errors())
    return page(request, "error.html", 422, number=422, said=f"The address says something that cannot be: {names}.")


def undeclared_page(request: Request, error: Any) -> HTMLResponse:
    """Why there is nothing else to show of a corpus; 503 to who asked for a file, as it is not this one."""
    is_file = request.url.path.endswith((".csv", ".json"))
    return page(request, "broken.html", 503 if is_file else 200, listed=error.listed)


def quoted(text: object) -> str:
    """As one step of an address."""
    return quote(str(text), safe="")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "step": quoted,
        "svg": Markup,
        "whole": _shown(words.whole),
        "size": _shown(words.size),
        "duration": _shown(words.duration),
        "rate": _shown(words.rate),
        "utc": _utc,
        "ago": words.ago,
        "plain": _plain,
        "share": _shown(words.share),
    }
    return environment


def _shown(said: Any) -> Any:
    return lambda value: NOT_RECORDED if value is None else said(value)


def _utc(value: datetime | date | None) -> str:
    if value is None:
        return NOT_RECORDED
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else value.isoformat()


def _plain(value: Any) -> str:
    """A number as short as it says the same."""
    if isinstance(value, float):
        return words.short(value)
    return NOT_RECORDED if value is None else str(value)
