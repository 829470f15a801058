"""Says whether this kind of machine can run the servers."""

import platform

from local_cluster.errors import DOCKER_HINT, UnsupportedMachineError
from local_cluster.profiles import Profile


def this_machine() -> str:
    """System and processor as PyTorch's native packages name them, for example linux-x86_64."""
    return f"{platform.system().lower()}-{platform.machine()}"


def require_supported_machine(profile: Profile, machine: str | None = None) -> None:
    """UnsupportedMachineError if the lock file has no PyTorch natives for the machine (default: this one)."""
    found = machine or this_machine()
    if found != profile.natives.machine:
        raise UnsupportedMachineError(
            f"The local server needs PyTorch natives, and they are locked for {profile.natives.machine} only; "
            f"this machine is {found}. {DOCKER_HINT}"
        )
