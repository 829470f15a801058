"""Writes the lock file: asks the repository which packages the profiles need, fetches and hashes them."""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import requests
from jgo.maven import Dependency, MavenContext

from local_cluster.download import default_repository, sha256_of
from local_cluster.errors import TRUST_HINT, DownloadError
from local_cluster.lock import Artifact, Use
from local_cluster.profiles import MODULE_GROUP, Profile

RUNTIME_SCOPES = ("compile", "runtime", None)
TIMEOUT_S = 120
Key = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Resolution:
    """Collects dependencies and the places where they are used."""

    context: MavenContext
    machine: str
    uses: dict[Key, set[Use]]

    def add(self, dependency: Dependency, use: Use) -> None:
        self.uses.setdefault(_key(dependency), set()).add(use)

    def closure(self, coordinate: str) -> list[Dependency]:
        """The package and all that it needs at run time on this machine."""
        roots, transitive = self.context.resolver.resolve([self.context.create_dependency(coordinate)])
        return [*roots, *(each for each in transitive if self._needed(each))]

    def _needed(self, dependency: Dependency) -> bool:
        return dependency.scope in RUNTIME_SCOPES and dependency.classifier in ("", self.machine)


def lock_profiles(profiles: Iterable[Profile]) -> tuple[Artifact, ...]:
    """Every package of the profiles. Downloads all of them: about 1 GB, into a folder that is removed after.

    DownloadError for one that cannot be had.
    """
    try:
        return _locked(profiles)
    except (requests.RequestException, RuntimeError) as error:  # jgo has no error of its own
        raise DownloadError(f"The packages could not be resolved: {error}. Check the network. {TRUST_HINT}") from error


def _locked(profiles: Iterable[Profile]) -> tuple[Artifact, ...]:
    with tempfile.TemporaryDirectory() as folder:
        repositories = {"central": default_repository()}
        context = MavenContext(repo_cache=Path(folder), remote_repos=repositories, timeout=TIMEOUT_S)
        uses: dict[Key, set[Use]] = {}
        for profile in profiles:
            _resolve_profile(profile, Resolution(context, profile.natives.machine, uses))
        return tuple(_hashed(context, key, found) for key, found in uses.items())


def _resolve_profile(profile: Profile, resolution: Resolution) -> None:
    library = _resolve_libraries(profile, resolution)
    _resolve_modules(profile, resolution, library)
    for boot_library in profile.boot_libraries:
        resolution.add(_dependency(resolution, boot_library), Use(profile.name, "boot"))
    for plugin in profile.plugins:
        resolution.add(_dependency(resolution, plugin, packaging="zip"), Use(profile.name, "plugins"))
    for library_of_plugin in profile.plugin_libraries:
        jar = _dependency(resolution, library_of_plugin.coordinate)
        resolution.add(jar, Use(profile.name, f"plugins/{library_of_plugin.plugin}"))
    natives = profile.natives
    native = _dependency(resolution, natives.native, classifier=natives.machine)
    resolution.add(native, Use(profile.name, "natives"))
    resolution.add(_dependency(resolution, natives.jni), Use(profile.name, "jni"))


def _resolve_libraries(profile: Profile, resolution: Resolution) -> set[tuple[str, str]]:
    """Adds the jars of lib/; of two versions the one nearer to the first library wins, as Maven does."""
    seen: set[tuple[str, str]] = set()
    for coordinate in profile.libraries:
        for dependency in resolution.closure(coordinate):
            if _project(dependency) not in seen:
                resolution.add(dependency, Use(profile.name, "lib"))
                seen.add(_project(dependency))
    return seen


def _resolve_modules(profile: Profile, resolution: Resolution, library: set[tuple[str, str]]) -> None:
    """Adds each module's jars less those it inherits: a class in two places is 'jar hell' and stops the server."""
    by_module: dict[str, set[tuple[str, str]]] = {}
    for module in profile.modules:
        inherited = library.union(*(by_module[name] for name in module.extends))
        closure = resolution.closure(f"{MODULE_GROUP}:{module.artifact}:{profile.version}")
        own = [dependency for dependency in closure if _project(dependency) not in inherited]
        by_module[module.name] = {_project(dependency) for dependency in own}
        for dependency in own:
            resolution.add(dependency, Use(profile.name, f"modules/{module.name}"))


def _dependency(resolution: Resolution, coordinate: str, packaging: str = "jar", classifier: str = "") -> Dependency:
    group, name, version = coordinate.split(":")
    artifact = resolution.context.project(group, name).at_version(version).artifact(classifier, packaging)
    return Dependency(artifact)


def _project(dependency: Dependency) -> tuple[str, str]:
    return dependency.groupId, dependency.artifactId


def _key(dependency: Dependency) -> Key:
    return dependency.groupId, dependency.artifactId, dependency.version, dependency.type, dependency.classifier


def _hashed(context: MavenContext, key: Key, uses: set[Use]) -> Artifact:
    group, name, version, packaging, classifier = key
    file = context.project(group, name).at_version(version).artifact(classifier, packaging).resolve()
    return Artifact(
        group,
        name,
        version,
        packaging,
        classifier,
        file.stat().st_size,
        sha256_of(file),
        tuple(sorted(uses, key=lambda use: (use.profile, use.target))),
    )
