"""Addresses and the secrets in them: the signed query of a web address, and a login.

What is written down (plans, manifests, reports, logs) is the public address. The secret stays in the configuration, and
is put back where a file is opened.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field, PlainSerializer

_WEB = ("http", "https")
# fsspec chains addresses with it: zip://a.parquet::https://host/a.zip
_CHAIN = "::"
_GLOB_SIGN = re.compile(r"[*?\[]")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^\s/@]*@)?[^\s'\"<>)]+")


def public_address(address: str) -> str:
    """The address without its secrets: a password, and of a web address the whole login and query."""
    return _CHAIN.join(_public(link) for link in address.split(_CHAIN))


def with_secret(stored: str, source: str) -> str:
    """A stored address with the secrets that `source`, an address of the configuration, has for its host; else as it is.

    Former versions stored a query that has expired since.
    """
    public = public_address(stored)
    if public == public_address(source):
        return source
    scheme, place, path = _split(public)
    theirs, their_place, their_path = _split(source)
    if not place or (scheme, place) != (theirs, _public_place(theirs, their_place)):
        return public
    _, sign, query = their_path.partition("?") if scheme in _WEB else ("", "", "")
    return f"{scheme}://{their_place}{path}{sign}{query}"


def hide_secrets(text: str) -> str:
    """`text` (what a library says of a failure, perhaps) with every address in it made public."""
    return _ADDRESS.sub(lambda found: public_address(found[0]), text)


def showable(error: BaseException) -> BaseException | None:
    """The error as a cause, which is shown beside ours; None when it or one of its own causes tells a secret."""
    cause: BaseException | None = error
    while cause is not None:
        if hide_secrets(str(cause)) != str(cause):
            return None
        cause = cause.__cause__ or cause.__context__
    return error


def _public(link: str) -> str:
    scheme, place, path = _split(link)
    if not scheme:
        return link
    if scheme in _WEB:
        path = path.split("?", 1)[0]
    return f"{scheme}://{_public_place(scheme, place)}{path}"


def _public_place(scheme: str, place: str) -> str:
    # The part before '@' may be no login: abfs://container@account
    login, at, host = place.rpartition("@")
    if scheme in _WEB:
        return host
    return f"{login.split(':', 1)[0]}{at}{host}"


def _split(address: str) -> tuple[str, str, str]:
    """Scheme, host with login, and the rest; the first two are empty for a path."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        return "", "", address
    place, slash, path = rest.partition("/")
    if scheme in _WEB and "?" in place:
        place, query, tail = rest.partition("?")
        return scheme, place, query + tail
    return scheme, place, slash + path


Address = Annotated[str, PlainSerializer(public_address), Field(repr=False)]
"""A value of the configuration that may hold a secret: it is dumped and shown without."""


def reads_in(address: str, folder: str) -> bool:
    """Whether who reads `address` may read in `folder`: a glob reads as many folders deep as it has parts (`**` stands for any),
    and all of a folder that it meets."""
    parts, names = (each.rstrip("/").split("/") for each in (address, folder))
    literal = next((number for number, part in enumerate(parts) if _GLOB_SIGN.search(part)), len(parts))
    if parts[:literal] != names[:literal]:
        return False
    below = list(zip(parts[literal:], names[literal:], strict=False))
    deep = next((number for number, (part, _) in enumerate(below) if "**" in part), len(below))
    return all(fnmatchcase(name, part) for part, name in below[:deep])
