"""Without a Chromium the tests in a browser are skipped and say so; where one is required they fail."""

from __future__ import annotations

import pytest

import browsed

SAID = "no Chromium is installed"


@pytest.fixture(autouse=True)
def no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


def test_without_one_they_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(browsed.REQUIRED_VARIABLE, raising=False)
    with pytest.raises(pytest.skip.Exception, match=SAID):
        browsed.chromium()


def test_where_one_is_required_they_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(browsed.REQUIRED_VARIABLE, "required")
    with pytest.raises(pytest.fail.Exception, match=f"{SAID}.*required"):
        browsed.chromium()
