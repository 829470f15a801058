"""A page of Airflow in a real browser, and everything that goes wrong in it unseen."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from console_airflow import ConsoleAirflow

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Frame, Page, Request, Response

REQUIRED_VARIABLE = "SPARSE_INDEX_BROWSER"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# No sandbox of its own: a test run may be root. Nothing is asked of the internet.
SWITCHES = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
)
WIDTH, HEIGHT = 1280, 900
WHOLE = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
PATIENCE_MS = 120_000


def chromium() -> str:
    """The program; without one the tests are skipped, or fail where a browser is required."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        said = f"no Chromium is installed (looked for {', '.join(PROGRAMS)}), so nothing was seen in a browser"
        if os.environ.get(REQUIRED_VARIABLE) == "required":
            pytest.fail(f"{said}, and {REQUIRED_VARIABLE}=required")
        pytest.skip(said)
    return found


@contextmanager
def headless(program: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(SWITCHES))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """Somebody in a window of his own, before an Airflow under a base path. `wrong`: what the browser complained of."""

    airflow: ConsoleAirflow
    base: str
    page: Page
    wrong: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return self.airflow.logins[self.base].url.removesuffix(self.base)

    @property
    def path(self) -> str:
        """Of the address bar, without the base."""
        return urlsplit(self.page.url).path.removeprefix(self.base)

    def goes_to(self, path: str) -> None:
        self.page.goto(f"{self.origin}{self.base}{path}")

    def opens(self, path: str) -> Frame:
        """A page of the console, inside Airflow's UI."""
        self.goes_to(f"/plugin/search{self.base}/sparse-index{path}")
        return self.arrives(path)

    def turns_to(self, path: str) -> Frame:
        """The same, without another load of Airflow's UI around it."""
        self.frame.goto(f"{self.origin}{self.base}/sparse-index{path}")
        return self.arrives(path)

    def arrives(self, path: str) -> Frame:
        """At this page of the console: the frame shows it, and the address bar says so."""
        inside = f"{self.base}/sparse-index{path}"
        self.page.wait_for_url(f"{self.origin}{self.base}/plugin/search{inside}")
        self.page.wait_for_function(
            "path => { const at = document.querySelector('iframe')?.contentWindow.location; "
            "return at && at.pathname + at.search === path }",
            arg=inside,
        )
        return self.frame

    @property
    def frame(self) -> Frame:
        """The console, once it is there: an unknown address answers with Airflow's own page, which has no frame."""
        element = self.page.wait_for_selector("iframe")
        assert element is not None
        frame = element.content_frame()
        assert frame is not None
        frame.wait_for_selector("body[data-base] main h1")
        return frame

    @contextmanager
    def window(self, width: int, zoom: int = 1) -> Iterator[None]:
        """A window of so many pixels of the screen. Zoom is what a browser makes of it: a page of `width / zoom` CSS pixels, each
        drawn with `zoom` of the screen's, which the page sees as its `devicePixelRatio`."""
        session = self.page.context.new_cdp_session(self.page)
        metrics = {"width": width // zoom, "height": HEIGHT // zoom, "deviceScaleFactor": zoom, "mobile": False}
        session.send("Emulation.setDeviceMetricsOverride", metrics)
        self.page.wait_for_function("([w, z]) => innerWidth === w && devicePixelRatio === z", arg=[width // zoom, zoom])
        try:
            yield
        finally:
            session.send("Emulation.setDeviceMetricsOverride", WHOLE)
            self.page.wait_for_function("w => innerWidth === w && devicePixelRatio === 1", arg=WIDTH)
            session.detach()

    def asks(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """By hand, with the cookie of his login: the status and the JSON."""
        answer = self.page.context.request.fetch(
            f"{self.origin}{self.base}{path}", method=method, data=body, timeout=PATIENCE_MS
        )
        return answer.status, answer.json()

    def watch(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.wrong.append(f"an error in the page: {error}"))
        self.page.on("request", self._request)
        self.page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            self.wrong.append(f"the browser's console says: {message.text} ({message.location['url']})")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.origin, "data:", "blob:", "about:")):
            self.wrong.append(f"a request to another origin: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self.wrong.append(f"{response.status} of {response.url}")


@dataclass
class Visitors:
    """The browser's windows. Who comes again finds what his browser has kept of Airflow's UI, and his login; a stranger finds
    neither."""

    browser: Browser
    airflow: ConsoleAirflow
    _contexts: dict[tuple[str, str], BrowserContext] = field(default_factory=dict)

    @contextmanager
    def visit(self, base: str, role: str) -> Iterator[Visitor]:
        """A new window of somebody who is logged in; it ends with nothing to complain of."""
        with self._window(base, self._context(base, role)) as visitor:
            yield visitor

    @contextmanager
    def stranger(self, base: str) -> Iterator[Visitor]:
        """Somebody who is not logged in, or no more."""
        context = self._new_context()
        try:
            with self._window(base, context) as visitor:
                yield visitor
        finally:
            context.close()

    @contextmanager
    def _window(self, base: str, context: BrowserContext) -> Iterator[Visitor]:
        visitor = Visitor(self.airflow, base, context.new_page())
        visitor.watch()
        try:
            yield visitor
        finally:
            visitor.page.close()
        assert visitor.wrong == [], "\n".join(visitor.wrong)

    def _context(self, base: str, role: str) -> BrowserContext:
        if (base, role) not in self._contexts:
            self._contexts[base, role] = self._new_context()
            log_in(self._contexts[base, role], self.airflow, base, role)
        return self._contexts[base, role]

    def _new_context(self) -> BrowserContext:
        context = self.browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
        context.set_default_timeout(PATIENCE_MS)
        return context


def log_in(context: BrowserContext, airflow: ConsoleAirflow, base: str, role: str) -> None:
    url = f"{airflow.logins[base].url}/"
    context.add_cookies([{"name": "_token", "value": airflow.token(base, role), "url": url, "httpOnly": True}])
