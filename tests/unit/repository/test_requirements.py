"""What runs on a worker needs the packages of requirements.txt, and none that only demo and tests need."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Set
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[3]
IMPORT_ALL = """
import importlib, pkgutil, sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"{name} is not in requirements.txt", name=name)

HIDDEN = set(sys.argv[2:])
sys.meta_path.insert(0, Hidden())
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def named_in(file: str) -> Iterator[Requirement]:
    """The packages of one file, without those of the files that it includes."""
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text and not text.startswith("-"):
            yield Requirement(text)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def with_dependencies(wanted: Iterator[Requirement]) -> Set[str]:
    """The distributions that pip installs for these."""
    found: set[str] = set()
    todo = [(each, frozenset(each.extras)) for each in wanted]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        requirement, extras = todo.pop()
        name = canonical(requirement.name)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        found.add(name)
        todo += [(each, frozenset(each.extras)) for each in dependencies(name, extras)]
    return found


def dependencies(name: str, extras: Set[str]) -> Iterator[Requirement]:
    try:
        lines = distribution(name).requires or []
    except PackageNotFoundError:  # for another system
        return
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            yield requirement


def hidden_modules() -> list[str]:
    """What can be imported here and is of no distribution that a worker has."""
    there = with_dependencies(named_in("requirements.txt"))
    return sorted(
        module
        for module, owners in packages_distributions().items()
        if there.isdisjoint(map(canonical, owners)) and module.isidentifier()
    )


def test_what_is_for_tests_only_is_hidden() -> None:
    assert {"pytest", "hypothesis", "deltalake", "pyiceberg", "polars", "jgo", "bcrypt"} <= set(hidden_modules())


@pytest.mark.parametrize("package", ["sparse_index", "opensearch_ml"])
def test_every_module_is_imported_without_what_is_for_tests(package: str, tmp_path: Path) -> None:
    environment = {"PYTHONPATH": f"{ROOT}/include:{ROOT}/plugins", "AIRFLOW_HOME": str(tmp_path), "HOME": str(tmp_path)}
    command = [sys.executable, "-c", IMPORT_ALL, package, *hidden_modules()]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def of_the_wheel() -> dict[str, Requirement]:
    """What an installed wheel asks for, by name; of the optional packages, too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return {canonical(wanted.name): wanted for wanted in map(Requirement, lines)}


def test_the_wheel_asks_for_what_the_copied_folders_need() -> None:
    # The provider gives connections of the type `opensearch` their form; a wheel has a type of its own.
    form = "apache-airflow-providers-opensearch"
    copied = {canonical(wanted.name) for wanted in named_in("requirements.txt")} - {form}
    optional = {
        "deltalake",
        "pyiceberg",
        "s3fs",
        "gcsfs",
        "adlfs",
        "torch",
        "onnxruntime",
        "apache-airflow-providers-amazon",
    }
    assert of_the_wheel().keys() - optional == copied


def test_what_was_tested_is_in_the_ranges_of_the_wheel() -> None:
    tested = {canonical(pin.name): next(iter(pin.specifier)).version for pin in named_in("requirements.lock")}
    wanted = of_the_wheel()
    outside = [name for name in wanted.keys() & tested.keys() if Version(tested[name]) not in wanted[name].specifier]
    assert outside == []
    assert {"apache-airflow", "pyarrow", "deltalake"} <= tested.keys()
