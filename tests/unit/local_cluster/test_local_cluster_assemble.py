"""The server tree: complete or not there, made once, without what is not needed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local_cluster.assemble import Assembly
from local_cluster.download import Downloader
from local_cluster.errors import CorruptDownloadError, DiskFullError
from local_cluster.lock import Artifact
from local_cluster.profiles import profile_named
from package_server import PackageServer, artifact, package_server, zip_of

PLAIN = profile_named("plain")
PLUGIN = {
    "plugin-descriptor.properties": b"version=1\nname=opensearch-ml\n",
    "a.jar": b"A",
    "onnxruntime_gpu-1.jar": b"G",
}
NATIVE = {"pytorch/cpu/linux-x86_64/libtorch.so": b"torch", "native/lib/pytorch.properties": b""}
JNI = {"jnilib/linux-x86_64/cpu/libdjl_torch.so": b"right", "jnilib/linux-x86_64/cu124/libdjl_torch.so": b"wrong"}


@pytest.fixture
def packages() -> Iterator[PackageServer]:
    with package_server() as server:
        yield server


@pytest.fixture
def locked(packages: PackageServer) -> list[Artifact]:
    def added(name: str, content: bytes, *targets: str, packaging: str = "jar") -> Artifact:
        return packages.add(artifact(name, content, *targets, packaging=packaging), content)

    return [
        added("core", b"core", "lib"),
        added("script", b"script", "modules/lang-painless", "modules/reindex"),
        added("ml", zip_of(PLUGIN), "plugins", packaging="zip"),
        added("onnxruntime", b"O", "plugins/opensearch-ml"),
        added("native", zip_of(NATIVE), "natives"),
        added("jni", zip_of(JNI), "jni"),
    ]


@pytest.fixture
def assembly(packages: PackageServer, tmp_path: Path) -> Assembly:
    return Assembly(tmp_path, Downloader(packages.url, tmp_path / "packages", attempts=1))


def test_a_tree_holds_every_part_in_its_place(assembly: Assembly, locked: list[Artifact]) -> None:
    tree = assembly.server_tree(PLAIN, locked)
    assert (tree / "lib/core-1.0.jar").read_bytes() == b"core"
    assert (tree / "modules/lang-painless/script-1.0.jar").exists()
    assert (tree / "modules/reindex/script-1.0.jar").exists()
    assert (tree / "plugins/opensearch-ml/a.jar").read_bytes() == b"A"
    assert (tree / "natives/libtorch.so").read_bytes() == b"torch"
    assert (tree / "natives" / PLAIN.natives.jni_name).read_bytes() == b"right"


def test_the_cpu_runtime_of_onnx_is_in_the_plugin_in_place_of_the_gpu_runtime(
    assembly: Assembly, locked: list[Artifact]
) -> None:
    tree = assembly.server_tree(PLAIN, locked)
    assert list(tree.rglob("onnxruntime*")) == [tree / "plugins/opensearch-ml/onnxruntime-1.0.jar"]


def test_modules_get_a_descriptor_that_the_server_reads(assembly: Assembly, locked: list[Artifact]) -> None:
    folder = assembly.server_tree(PLAIN, locked) / "modules" / "ingest-common"
    lines = (folder / "plugin-descriptor.properties").read_text().splitlines()
    assert "extended.plugins=lang-painless" in lines
    assert "opensearch.version=3.6.0" in lines
    assert not (folder / "plugin-security.policy").exists()


def test_modules_of_a_server_with_a_security_manager_get_their_permissions(
    packages: PackageServer, tmp_path: Path
) -> None:
    assembly = Assembly(tmp_path, Downloader(packages.url, tmp_path / "packages", attempts=1))
    tree = assembly.server_tree(profile_named("secure"), [])
    policy = (tree / "modules/transport-netty4/plugin-security.policy").read_text()
    assert 'permission java.net.SocketPermission "*", "accept,connect";' in policy


def test_a_second_call_makes_nothing(assembly: Assembly, locked: list[Artifact], packages: PackageServer) -> None:
    first = assembly.server_tree(PLAIN, locked)
    assert assembly.server_tree(PLAIN, locked) == first
    assert len(packages.requests) == len(locked)


def test_two_at_once_make_it_once(assembly: Assembly, locked: list[Artifact], packages: PackageServer) -> None:
    threads = [threading.Thread(target=assembly.server_tree, args=(PLAIN, locked)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(packages.requests) == len(locked)


def test_another_lock_makes_another_tree(assembly: Assembly, locked: list[Artifact]) -> None:
    assert assembly.server_tree(PLAIN, locked) != assembly.server_tree(PLAIN, locked[1:])


def test_a_failed_download_leaves_no_tree(
    assembly: Assembly, locked: list[Artifact], packages: PackageServer, tmp_path: Path
) -> None:
    packages.files[str(locked[0].path)] = b"eroc"
    with pytest.raises(CorruptDownloadError):
        assembly.server_tree(PLAIN, locked)
    packages.files[str(locked[0].path)] = b"core"
    assert (assembly.server_tree(PLAIN, locked) / "lib/core-1.0.jar").exists()


def test_a_broken_archive_leaves_no_half_tree(
    assembly: Assembly, locked: list[Artifact], packages: PackageServer
) -> None:
    content = b"not a zip"
    broken = packages.add(artifact("ml", content, "plugins", packaging="zip"), content)
    with pytest.raises(Exception, match="zip"):
        assembly.server_tree(PLAIN, [locked[0], broken])
    assert [path.name for path in (assembly.cache / "servers").iterdir()] == [".lock"]


def test_too_little_room_to_unpack_is_said(assembly: Assembly, locked: list[Artifact]) -> None:
    with pytest.raises(DiskFullError, match="Unpacking OpenSearch needs"):
        replace(assembly, free=lambda path: 0).server_tree(PLAIN, locked)
