"""The lock file that is committed, and the resolver that writes it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cluster.lock import LOCK_FILE, artifacts_of, read_lock, write_lock
from local_cluster.profiles import PROFILE_NAMES, JavaRuntime, Module, Natives, PluginLibrary, Profile, profile_named
from local_cluster.resolve import lock_profiles
from package_server import PackageServer, package_server

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>{group}</groupId><artifactId>{name}</artifactId><version>1</version><dependencies>{needs}</dependencies></project>"""
NEED = "<dependency><groupId>g</groupId><artifactId>{}</artifactId><version>1</version><scope>{}</scope></dependency>"


def test_every_package_has_a_size_and_a_sha256() -> None:
    locked = read_lock()
    assert len(locked) > 100
    assert all(each.size_bytes > 0 and re.fullmatch("[0-9a-f]{64}", each.sha256) for each in locked)


def test_no_registry_is_named() -> None:
    assert "://" not in LOCK_FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PROFILE_NAMES)
def test_a_profile_is_complete(name: str) -> None:
    profile = profile_named(name)
    targets = Counter(target for each in artifacts_of(name, read_lock()) for target in each.targets(name))
    assert targets["plugins"] == len(profile.plugins)
    assert targets["natives"] == targets["jni"] == 1
    assert targets["lib"] > 30
    assert targets["boot"] == len(profile.boot_libraries)
    assert all(targets[f"modules/{module.name}"] for module in profile.modules)
    assert all(targets[f"plugins/{library.plugin}"] for library in profile.plugin_libraries)


@pytest.mark.parametrize("name", PROFILE_NAMES)
def test_no_jar_is_in_a_module_and_in_lib(name: str) -> None:
    twice = [
        each.filename
        for each in artifacts_of(name, read_lock())
        if len({t.split("/")[0] for t in each.targets(name)}) > 1
    ]
    assert twice == []


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_lock(read_lock(), tmp_path / "lock.json")
    assert read_lock(tmp_path / "lock.json") == read_lock()
    assert (tmp_path / "lock.json").read_bytes() == LOCK_FILE.read_bytes()


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageServer]:
    with package_server() as server:
        monkeypatch.setenv("SPARSE_INDEX_MAVEN_REPOSITORY", server.url)
        yield server


def publish(packages: PackageServer, name: str, *needs: str, group: str = "g", scope: str = "compile") -> None:
    folder = f"{group.replace('.', '/')}/{name}/1"
    needed = "".join(NEED.format(each, scope) for each in needs)
    packages.files[f"{folder}/{name}-1.pom"] = POM.format(group=group, name=name, needs=needed).encode()
    packages.files[f"{folder}/{name}-1.jar"] = name.encode()
    packages.files[f"{folder}/{name}-1.zip"] = name.encode()
    packages.files[f"{folder}/{name}-1-machine.jar"] = name.encode()


def small_profile() -> Profile:
    module_b = Module("b", "module-b", "B", extends=("a",))
    return Profile(
        name="plain",
        version="1",
        java=JavaRuntime(25, 21),
        libraries=("g:core:1",),
        boot_libraries=("g:boot:1",),
        modules=(Module("a", "module-a", "A"), module_b),
        plugins=("g:plugin:1",),
        plugin_libraries=(PluginLibrary("plugin", "g:runtime:1"),),
        natives=Natives("g:native:1", "g:jni:1", "machine", "folder", "name"),
        jvm_options=(),
    )


def test_dependencies_are_found_and_placed_without_jar_hell(packages: PackageServer) -> None:
    publish(packages, "core", "common")
    publish(packages, "module-a", "common", "parser", group="org.opensearch.plugin")
    publish(packages, "module-b", "parser", "mapper", group="org.opensearch.plugin")
    for name in ("common", "parser", "mapper", "boot", "plugin", "runtime", "native", "jni"):
        publish(packages, name, "junit", scope="test")
    places = {each.filename: each.targets("plain") for each in lock_profiles([small_profile()])}
    assert places == {
        "core-1.jar": ("lib",),
        "common-1.jar": ("lib",),
        "boot-1.jar": ("boot",),
        "module-a-1.jar": ("modules/a",),
        "parser-1.jar": ("modules/a",),
        "module-b-1.jar": ("modules/b",),
        "mapper-1.jar": ("modules/b",),
        "plugin-1.zip": ("plugins",),
        "runtime-1.jar": ("plugins/plugin",),
        "native-1-machine.jar": ("natives",),
        "jni-1.jar": ("jni",),
    }
