"""What runs on a worker needs the packages of requirements.txt, and none that only demo and tests need; the lock pins both for
every Python."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Set
from importlib.metadata import PackageNotFoundError, distribution, distributions, packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).parents[3]
PYTHONS = ("3.11", "3.12", "3.13")
THIS_PYTHON: Mapping[str, str] = {}
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


def asked_for(wanted: Iterable[Requirement], python: Mapping[str, str] = THIS_PYTHON) -> Iterator[Requirement]:
    """These and what the installed packages ask for below them, on that Python."""
    todo = [(each, frozenset(each.extras)) for each in wanted]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        requirement, extras = todo.pop()
        yield requirement
        name = canonical(requirement.name)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        todo += [(each, frozenset(each.extras)) for each in dependencies(name, extras, python)]


def dependencies(name: str, extras: Set[str], python: Mapping[str, str]) -> Iterator[Requirement]:
    try:
        lines = distribution(name).requires or []
    except PackageNotFoundError:  # for another system, or another Python
        return
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({**python, "extra": extra}) for extra in {"", *extras}):
            yield requirement


def hidden_modules() -> list[str]:
    """What can be imported here and is of no distribution that a worker has."""
    there = {canonical(wanted.name) for wanted in asked_for(named_in("requirements.txt"))}
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


def pinned(python: Mapping[str, str] = THIS_PYTHON) -> dict[str, str]:
    """Name -> version of what the lock installs on that Python."""
    pins = (pin for pin in named_in("requirements.lock") if pin.marker is None or pin.marker.evaluate(dict(python)))
    return {canonical(pin.name): next(iter(pin.specifier)).version for pin in pins}


def test_copied_folders_leave_the_airflow_of_the_site_alone(tmp_path: Path) -> None:
    (command,) = re.findall(
        r"^grep .* requirements\.txt > packages\.txt", (ROOT / "docs/deploy.md").read_text(), re.MULTILINE
    )
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    subprocess.run(["bash", "-ec", command], cwd=tmp_path, check=True, timeout=60)
    left = {requirement.name for requirement in named_in(str(tmp_path / "packages.txt"))}
    assert left == {
        name for each in named_in("requirements.txt") if not (name := each.name).startswith("apache-airflow")
    }
    assert len(left) > 10


def test_the_wheel_takes_the_pythons_that_the_lock_is_for() -> None:
    taken = SpecifierSet(
        tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    )
    assert [minor for minor in range(20) if f"3.{minor}.0" in taken] == [
        int(each.partition(".")[2]) for each in PYTHONS
    ]


@pytest.mark.parametrize("number", PYTHONS)
def test_one_lock_pins_for_each_python_what_is_asked_for_there_and_nothing_else(number: str) -> None:
    if version("apache-airflow") != pinned()["apache-airflow"]:
        pytest.skip("the packages here are not those of the lock: they may ask for others")
    python = {"python_version": number, "python_full_version": f"{number}.0"}
    pins = pinned(python)
    asked = list(asked_for([*named_in("requirements.txt"), *named_in("requirements-dev.txt")], python))
    assert {canonical(wanted.name) for wanted in asked} == pins.keys()
    assert [str(wanted) for wanted in asked if pins[canonical(wanted.name)] not in wanted.specifier] == []
    runs_on = {
        canonical(each.metadata["Name"]): each.metadata.json.get("requires_python", "") for each in distributions()
    }
    assert [name for name in pins if number not in SpecifierSet(str(runs_on.get(name, "")))] == []


def test_what_was_tested_is_in_the_ranges_of_the_wheel() -> None:
    tested = pinned()
    wanted = of_the_wheel()
    outside = [name for name in wanted.keys() & tested.keys() if Version(tested[name]) not in wanted[name].specifier]
    assert outside == []
    assert {"apache-airflow", "pyarrow", "deltalake"} <= tested.keys()
