"""Puts downloaded packages together into a server tree, once per user; instances only read it."""

import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from local_cluster.cache import FreeBytes, built_atomically, exclusive, free_bytes, full_disk_named, require_room
from local_cluster.download import Downloader
from local_cluster.lock import Artifact, artifacts_of
from local_cluster.profiles import Module, Profile

LAYOUT_REVISION = 1
# The GPU build of the ONNX runtime is three quarters of the ML plugin. The CPU build, a third of its size, takes its place.
LEFT_OUT_PREFIXES = ("onnxruntime_gpu-",)
NATIVES = "natives"
UNPACKED_TO_PACKED_RATIO = 2
PURPOSE = "Unpacking OpenSearch"


@dataclass(frozen=True)
class Assembly:
    """Knows how to make the server trees of one cache folder."""

    cache: Path
    downloader: Downloader
    free: FreeBytes = free_bytes

    def server_tree(self, profile: Profile, locked: Sequence[Artifact]) -> Path:
        """The folder of a complete server (lib, modules, plugins, natives); made at the first call.

        DownloadError or DiskFullError if it cannot be made. Other processes wait meanwhile.
        """
        artifacts = artifacts_of(profile.name, tuple(locked))
        tree = self.cache / "servers" / f"{profile.name}-{profile.version}-{_tree_key(profile, artifacts)}"
        if tree.exists():
            return tree
        with exclusive(self.cache / "servers" / ".lock"):
            if not tree.exists():
                self._make(profile, artifacts, tree)
        return tree

    def _make(self, profile: Profile, artifacts: Sequence[Artifact], tree: Path) -> None:
        self.downloader.fetch_all(artifacts)
        unpacked_bytes = UNPACKED_TO_PACKED_RATIO * sum(artifact.size_bytes for artifact in artifacts)
        require_room(tree, unpacked_bytes, PURPOSE, self.free)
        with full_disk_named(tree, PURPOSE), built_atomically(tree) as building:
            for module in profile.modules:
                _write_module_files(profile, module, building / "modules" / module.name)
            for artifact in artifacts:
                self._place(profile, artifact, building)

    def _place(self, profile: Profile, artifact: Artifact, tree: Path) -> None:
        source = self.downloader.path_of(artifact)
        for target in artifact.targets(profile.name):
            if target == "plugins":
                _unpack_plugin(source, tree / "plugins")
            elif target == "natives":
                _unpack_natives(source, f"pytorch/cpu/{profile.natives.machine}/", tree / NATIVES)
            elif target == "jni":
                _unpack_jni(source, profile, tree / NATIVES)
            else:
                link_or_copy(source, tree / target / artifact.filename)


def link_or_copy(source: Path, target: Path) -> None:
    """A hard link, or a copy where the target is on another disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _tree_key(profile: Profile, artifacts: Iterable[Artifact]) -> str:
    """Changes with everything that the tree is made of, so that an outdated tree is never taken."""
    files = [(artifact.path, artifact.sha256, artifact.targets(profile.name)) for artifact in artifacts]
    contents = repr((LAYOUT_REVISION, profile.modules, profile.java.class_major, profile.natives, files))
    return hashlib.sha256(contents.encode()).hexdigest()[:12]


def _write_module_files(profile: Profile, module: Module, folder: Path) -> None:
    folder.mkdir(parents=True)
    descriptor = {
        "description": f"Module {module.name}",
        "name": module.name,
        "version": profile.version,
        "opensearch.version": profile.version,
        "java.version": str(profile.java.class_major),
        "classname": module.classname,
        "extended.plugins": ",".join(module.extends),
    }
    lines = "".join(f"{key}={value}\n" for key, value in descriptor.items())
    (folder / "plugin-descriptor.properties").write_text(lines, encoding="utf-8")
    if module.permissions:
        policy = "grant {\n" + "".join(f"  {line}\n" for line in module.permissions) + "};\n"
        (folder / "plugin-security.policy").write_text(policy, encoding="utf-8")


def _unpack_plugin(archive_file: Path, plugins: Path) -> None:
    """Into a folder named as the plugin calls itself."""
    with zipfile.ZipFile(archive_file) as archive:
        descriptor = archive.read("plugin-descriptor.properties").decode("utf-8").splitlines()
        name = next(line.partition("=")[2].strip() for line in descriptor if line.startswith("name="))
        wanted = [each for each in archive.namelist() if not each.startswith(LEFT_OUT_PREFIXES)]
        archive.extractall(plugins / name, wanted)


def _unpack_natives(archive_file: Path, prefix: str, folder: Path) -> None:
    with zipfile.ZipFile(archive_file) as archive:
        for name in archive.namelist():
            if name.startswith(prefix) and not name.endswith("/"):
                _extract(archive, name, folder / PurePosixPath(name).name)


def _unpack_jni(archive_file: Path, profile: Profile, folder: Path) -> None:
    with zipfile.ZipFile(archive_file) as archive:
        name = f"jnilib/{profile.natives.machine}/cpu/libdjl_torch.so"
        _extract(archive, name, folder / profile.natives.jni_name)


def _extract(archive: zipfile.ZipFile, name: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(name) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
