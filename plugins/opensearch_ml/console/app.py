"""The app: GET only. No route changes anything; buttons call Airflow's own REST API from the browser."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from opensearch_ml.console.blocks import SideBySide
from opensearch_ml.console.headers import SafeHeaders
from opensearch_ml.console.html import error_page, invalid_page, undeclared_page
from opensearch_ml.console.one_at_a_time import OneAtATime
from opensearch_ml.console.pages import (
    assets,
    build,
    cluster,
    costs,
    generations,
    janitor,
    letters,
    overview,
    search,
    timeline,
)
from opensearch_ml.console.permissions import UndeclaredError
from opensearch_ml.console.sources import Sources, real_sources
from sparse_index.console.costs import Works
from sparse_index.console.endings import Endings
from sparse_index.console.receipts import Receipts

PAGES = (assets, overview, timeline, build, generations, search, letters, costs, cluster, janitor)


@dataclass(frozen=True)
class Console:
    """What all pages share."""

    sources: Sources
    receipts: Receipts = field(default_factory=Receipts)
    endings: Endings = field(default_factory=Endings)
    works: Works = field(default_factory=Works)
    side_by_side: SideBySide = field(default_factory=SideBySide)
    searches: OneAtATime = field(default_factory=OneAtATime)


def console_app(console: Console | None = None) -> FastAPI:
    """Without a `console`: the one that knows this Airflow."""
    app = FastAPI(title="Search", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.console = console or Console(real_sources())
    app.add_middleware(SafeHeaders)
    app.add_exception_handler(HTTPException, error_page)
    app.add_exception_handler(RequestValidationError, invalid_page)
    app.add_exception_handler(UndeclaredError, undeclared_page)
    for page in PAGES:
        app.include_router(page.router)
    return app
