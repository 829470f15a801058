"""From an address to its file system, and back."""

from __future__ import annotations

from urllib.parse import urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from sparse_index.addresses import public_address, showable
from sparse_index.certificates import is_untrusted
from sparse_index.errors import ConfigError, UnavailableError
from sparse_index.store.refusals import in_short, untrusted
from sparse_index.store.whole_listings import with_whole_listings


def filesystem_at(uri: str, **options: object) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system of an address and the path there; ConfigError when no package for its protocol is installed,
    UnavailableError when one that connects at once (ftp, an archive on a web server) cannot, AccessError when it does not trust
    the server."""
    try:
        filesystem, path = fsspec.core.url_to_fs(uri, **options)
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"The address {uri} cannot be used: {error}. Install what reads it, on every worker."
        ) from showable(error)
    except OSError as error:
        if is_untrusted(error):
            raise untrusted(uri, in_short(error)) from showable(error)
        raise UnavailableError(f"{uri} cannot be reached ({in_short(error)}).") from showable(error)
    return with_whole_listings(filesystem), str(path)


def full_address(filesystem: fsspec.AbstractFileSystem, uri: str, name: str) -> str:
    """The public address of a file (a path in `filesystem`) that was found at `uri`."""
    if isinstance(filesystem, LocalFileSystem):
        return name
    place = urlsplit(public_address(uri)).netloc
    if name.startswith("/") and place not in name:  # sftp, ftp, smb, hdfs: their paths do not say on which host
        return f"{urlsplit(uri).scheme}://{place}{name}"
    return public_address(str(filesystem.unstrip_protocol(name)))
