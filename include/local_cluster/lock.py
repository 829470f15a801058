"""The lock file: every package that a server is made of, with its size and sha256."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

LOCK_FILE = Path(__file__).with_name("artifacts.lock.json")


@dataclass(frozen=True)
class Use:
    """Where one profile needs a package.

    target: `lib`, `boot`, `modules/<name>`, `plugins`, `plugins/<name>`, `natives` or `jni`.
    """

    profile: str
    target: str


@dataclass(frozen=True)
class Artifact:
    """One file of a Maven repository. size_bytes and sha256 (hex) are of the file as published."""

    group: str
    artifact: str
    version: str
    packaging: str
    classifier: str
    size_bytes: int
    sha256: str
    uses: tuple[Use, ...]

    @property
    def filename(self) -> str:
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.artifact}-{self.version}{classifier}.{self.packaging}"

    @property
    def path(self) -> PurePosixPath:
        """Path below the root of a Maven repository; the download cache uses the same."""
        return PurePosixPath(*self.group.split("."), self.artifact, self.version, self.filename)

    def targets(self, profile: str) -> tuple[str, ...]:
        return tuple(use.target for use in self.uses if use.profile == profile)


def read_lock(path: Path = LOCK_FILE) -> tuple[Artifact, ...]:
    """All locked packages, in the order of the file."""
    entries = json.loads(path.read_text(encoding="utf-8"))["artifacts"]
    return tuple(Artifact(**{**entry, "uses": tuple(Use(**use) for use in entry["uses"])}) for entry in entries)


def write_lock(artifacts: tuple[Artifact, ...], path: Path = LOCK_FILE) -> None:
    document = {"artifacts": [asdict(artifact) for artifact in sorted(artifacts, key=lambda a: str(a.path))]}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def artifacts_of(profile: str, artifacts: tuple[Artifact, ...]) -> tuple[Artifact, ...]:
    """The packages that one profile needs."""
    return tuple(artifact for artifact in artifacts if artifact.targets(profile))
