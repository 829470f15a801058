"""A "machine": a folder with packages, code, home and temporary files of its own. Nothing on it is seen by another one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_cluster.cache import GIB, built_atomically, require_room
from local_cluster.errors import TRUST_HINT, DownloadError
from many_workers.hostname import VARIABLE

CODE = ("dags", "plugins", "include")
ROOM_BYTES = 3 * GIB


@dataclass(frozen=True)
class Machine:
    """`folder` holds `environment` (packages), `code` (the project's folders and corpora), `home` and `tmp`."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def python(self) -> Path:
        return self.folder / "environment" / "bin" / "python"

    @property
    def code(self) -> Path:
        return self.folder / "code"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def packages(self) -> Path:
        (found,) = (self.folder / "environment" / "lib").glob("python3*/site-packages")
        return found

    def lay_out(self, project: Path, corpora: Mapping[str, str]) -> None:
        """The project's code as it is now, and corpus files (name -> content)."""
        for name in CODE:
            target = self.code / name
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(project / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        (self.code / "corpora").mkdir(exist_ok=True)
        for name, content in corpora.items():
            (self.code / "corpora" / f"{name}.yaml").write_text(content, encoding="utf-8")
        for folder in (self.home, self.folder / "tmp"):
            folder.mkdir(exist_ok=True)

    def settings(self) -> dict[str, str]:
        """What in the environment of its processes says where they are."""
        return {
            "HOME": str(self.home),
            "TMPDIR": str(self.folder / "tmp"),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "many_workers.hostname.hostname",
            "SPARSE_INDEX_CORPORA": str(self.code / "corpora"),
            VARIABLE: self.name,
        }

    def command(self, *arguments: str) -> list[str]:
        """Python with these arguments, in the machine's home folder."""
        return ["/usr/bin/env", "-C", str(self.home), str(self.python), *arguments]


def install(machine: Machine, project: Path) -> None:
    """Its packages, by pip, if they are not there. DownloadError if they cannot be had."""
    target = machine.folder / "environment"
    if target.exists():
        return
    require_room(target, ROOM_BYTES, "The packages of a machine")
    with built_atomically(target) as building:
        _run([sys.executable, "-m", "venv", str(building)])
        wanted = [
            ("-r", str(file)) for file in (project / "requirements.txt", Path(__file__).with_name("requirements.txt"))
        ]
        pip = [
            str(building / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "-c",
            str(project / "requirements.lock"),
        ]
        _run([*pip, *(word for pair in wanted for word in pair)])


def copy_packages(of: Machine, to: Machine) -> None:
    """As a second machine made from the same image has them: nothing is shared."""
    target = to.folder / "environment"
    if not target.exists():
        require_room(target, ROOM_BYTES, "The packages of a machine")
        with built_atomically(target) as building:
            shutil.copytree(of.folder / "environment", building, symlinks=True, dirs_exist_ok=True)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DownloadError(f"{' '.join(command[:4])} failed: {done.stderr[-1500:]} {TRUST_HINT}")
