"""One version: the package says it, the wheel takes it from there (tests/dags/test_wheel.py), the changelog tells of it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from sparse_index import __version__
from sparse_index.cli.main import main

ROOT = Path(__file__).parents[3]
SECTION = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<day>\S+))?$", re.MULTILINE)


def sections() -> list[tuple[str, str | None]]:
    """(Version, day) of each section of the changelog, from the top."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return [(match["version"], match["day"]) for match in SECTION.finditer(text)]


def test_the_changelog_begins_with_what_is_unreleased_and_then_tells_this_version() -> None:
    (first, undated), (newest, _), *_ = sections()
    assert (first, undated, newest) == ("Unreleased", None, __version__)


def test_released_sections_are_dated_newest_first() -> None:
    days = [date.fromisoformat(day or "") for _, day in sections()[1:]]
    assert days == sorted(days, reverse=True)


def test_the_command_line_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"sparse_index {__version__}\n")
