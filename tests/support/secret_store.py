"""A file system behind a login, as `sftp` and `ftp` are: its paths do not say on which host they are."""

from __future__ import annotations

from typing import Any, ClassVar

from fsspec.implementations.memory import MemoryFileSystem
from fsspec.utils import infer_storage_options


class Vault(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """`vault://me:hush@host/folder`."""

    protocol = "vault"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]

    def __init__(self, *, username: str = "", password: str = "", **options: Any) -> None:
        if (username, password) != ("me", "hush"):
            raise PermissionError("no such login")
        super().__init__(**options)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(infer_storage_options(str(path))["path"]).rstrip("/")

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, Any]:
        told = infer_storage_options(path)
        return {name: told[name] for name in ("username", "password") if name in told}
