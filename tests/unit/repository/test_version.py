"""One version: the package says it, the wheel takes it from there (tests/dags/test_wheel.py), the changelog tells of it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from packaging.version import Version

from sparse_index import __version__
from sparse_index.cli.main import main

ROOT = Path(__file__).parents[3]
SECTION = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<day>\S+))?$", re.MULTILINE)


def sections() -> list[tuple[str, str | None, str]]:
    """(Version, day, text) of each section of the changelog, from the top."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = list(SECTION.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return [(match["version"], match["day"], text[match.end() : end]) for match, end in zip(found, ends, strict=True)]


def test_what_is_unreleased_has_a_number_after_that_of_the_last_release() -> None:
    """pip keeps an installed wheel of the same number."""
    (first, undated, entries), (released, *_), *_ = sections()
    assert (first, undated) == ("Unreleased", None)
    if "\n- " in entries:
        assert Version(__version__) > Version(released)
    else:
        assert __version__ == released


def test_released_sections_are_dated_newest_first() -> None:
    days = [date.fromisoformat(day or "") for _, day, _ in sections()[1:]]
    assert days == sorted(days, reverse=True)


def test_the_command_line_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"sparse_index {__version__}\n")
