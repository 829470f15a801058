"""Installs a published Python package into a folder of its own, for what is in it; nothing imports it."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from local_cluster.cache import built_atomically, exclusive
from local_cluster.errors import DOCKER_HINT, TRUST_HINT, DownloadError

INSTALL_TIMEOUT_S = 600


def installed(requirement: str, folder: Path, subject: str) -> None:
    """Afterwards `folder` holds the package; other processes wait meanwhile.

    requirement: `name==version --hash=sha256:...`, installed without what it depends on; subject: what it is, for messages.
    DownloadError if it cannot be had.
    """
    with exclusive(folder.parent / ".lock"):
        if not folder.exists():
            _install(requirement, folder, subject)


def _install(requirement: str, folder: Path, subject: str) -> None:
    name = requirement.split(maxsplit=1)[0]
    print(f"Installing {subject} ({name}) ...", file=sys.stderr, flush=True)
    with built_atomically(folder) as building:
        requirements = building / "requirements.txt"
        requirements.write_text(f"{requirement}\n", encoding="utf-8")
        command = [*_installer(), "--no-deps", "--require-hashes", "--target", str(building), "-r", str(requirements)]
        problem = _problem(command)
        if problem is not None:
            # pip passes over a certificate that it does not trust, and says that there is no such package.
            raise DownloadError(
                f"Could not install {name}: {problem[-500:]}. Check the network. {TRUST_HINT} Then run the same command again. "
                f"{DOCKER_HINT}"
            )


def _problem(command: list[str]) -> str | None:
    """What an installer said that failed."""
    try:
        subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=True, stdin=subprocess.DEVNULL
        )
    except subprocess.CalledProcessError as error:
        return str(error.stderr).strip()
    except subprocess.TimeoutExpired:
        return f"it had not ended after {INSTALL_TIMEOUT_S} s"
    return None


def _installer() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    uv = shutil.which("uv")
    if uv is not None:
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    raise DownloadError(
        f"Neither pip nor uv is there to install a package. Run: {sys.executable} -m ensurepip. {DOCKER_HINT}"
    )
