"""What a file system or the library of an object store raises, in our words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from sparse_index.addresses import showable
from sparse_index.certificates import is_untrusted
from sparse_index.errors import AccessError, BuildError, SparseIndexError, UnavailableError

# What a system or an object store (EIO, EBUSY: its server's fault, slow down) says of itself, not of a file.
PASSING = frozenset(
    {
        *(errno.EAGAIN, errno.EBUSY, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM),
        *(errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH),
    }
)
# They have trees of errors of their own: a server that cannot be reached is no OSError there.
_LIBRARIES = ("botocore", "aiobotocore", "aiohttp", "gcsfs", "google", "azure", "adlfs")
_NOBODY = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "ClientAuthenticationError"}
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})

# A file that is named after what is in it is taken as it is for ever.
TORN = "Trigger a new run; if it lies in `manifests` or `vectors`, delete it first: it is made anew"
_UNKNOWN = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"})


@contextmanager
def in_our_words(place: str) -> Iterator[None]:
    """Errors of the block about `place`, but a missing file: to many callers that is an answer."""
    try:
        yield
    except MemoryError as error:  # Arrow's, too
        raise out_of_memory(place, error) from error
    except Exception as error:
        ours = _ours(place, what_it_was(error))
        if ours is None:
            raise
        raise ours from showable(error)


@contextmanager
def whole(path: str) -> Iterator[None]:
    """`BuildError` when Arrow finds the file torn. Of a torn page it raises a bare OSError; those of a system and of an object
    store have a number, or a class of their own."""
    import pyarrow as pa  # noqa: PLC0415 - a tenth of a second, and who reads Parquet has it

    try:
        yield
    except MemoryError:  # Arrow's, too
        raise
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and (
            type(error) is not OSError or error.errno is not None or _is_forbidden(error)
        ):
            raise
        raise BuildError(f"{path} in the store is torn or no Parquet: {error}. {TORN}.") from error


def what_it_was(error: Exception) -> Exception:
    """The file system of the web tells of any failure as a missing file, and fsspec of that as another one."""
    below: BaseException | None = error
    while isinstance(below, FileNotFoundError):
        below = below.__cause__
    if not isinstance(below, Exception) or type(below).__module__.partition(".")[0] != "aiohttp":
        return error
    return error if _status(below) in (404, 410) else below


def in_short(error: Exception) -> str:
    """Its kind and its words, without what it holds: a request with its headers, for example."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _ours(place: str, error: Exception) -> SparseIndexError | None:
    """None for a missing file, for a wrong address, and for what neither a system nor a store has raised."""
    refused = _refused(place, error)
    if refused is not None:
        return refused
    is_wrong_address = isinstance(error, ValueError) and not isinstance(error, OSError)
    if is_wrong_address or isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return None
    if has_expired(error):
        return UnavailableError(
            f"{place}: the credentials have expired ({error}). A new attempt asks for new ones; those that somebody "
            "wrote down must be renewed."
        )
    if isinstance(error, OSError) or is_of_a_library(error):
        return UnavailableError(f"{place} cannot be used for now ({in_short(error)}).")
    return None


def _refused(place: str, error: Exception) -> AccessError | None:
    """Where one of both sides does not believe the other."""
    if is_untrusted(error):
        return untrusted(place, in_short(error))
    if has_expired(error):
        return None
    if code_of(error) in _UNKNOWN:
        return AccessError(
            f"{place}: the credentials are refused ({error}). Correct the keys of the workers' account, or, where "
            "they are those of another store, the address (AWS_ENDPOINT_URL)."
        )
    if is_denied(error):
        return AccessError(
            f"{place}: no permission ({error}). What the account of the workers needs: docs/deploy.md, the store."
        )
    return None


def untrusted(place: str, said: str) -> AccessError:
    """Of a server whose certificate was refused."""
    return AccessError(
        f"{place}: the certificate of its server is not trusted ({said}). Let this machine trust who signed it: name the file "
        "with that authority in SSL_CERT_FILE, of an S3 store in AWS_CA_BUNDLE."
    )


def out_of_memory(place: str, error: MemoryError) -> UnavailableError:
    """Nobody's fault but this machine's; `place`: what it worked at."""
    return UnavailableError(
        f"The memory of this worker is used up, at {place} ({in_short(error)}). Run fewer tasks on it, or give it more."
    )


def is_of_a_library(error: Exception) -> bool:
    """Whether the library that speaks with an object store has raised it."""
    return type(error).__module__.partition(".")[0] in _LIBRARIES


def is_nobody(error: Exception) -> bool:
    """Whether nobody has told such a library who it is."""
    return type(error).__name__ in _NOBODY and is_of_a_library(error)


def is_denied(error: Exception) -> bool:
    """Whether whoever asks may not, or has not said who it is."""
    denied = isinstance(error, PermissionError) or is_nobody(error) or _is_forbidden(error)
    return denied or _status(error) in (401, 403)


def _is_forbidden(error: Exception) -> bool:
    """So Google's library tells of a 403, and has no class for it."""
    return type(error) is OSError and str(error).startswith("Forbidden: ")


def _status(error: Exception) -> int | None:
    """What a web server answered; each library has another name for it."""
    said = (getattr(error, name, None) for name in ("status", "status_code", "code"))
    return next((each for each in said if isinstance(each, int)), None) if is_of_a_library(error) else None


def has_expired(error: BaseException) -> bool:
    """Whether temporary credentials ended while they were in use."""
    return code_of(error) in _EXPIRED


def code_of(error: BaseException) -> str | None:
    """S3's own name for what went wrong; its library says so in the error below the one that is raised."""
    answer = getattr(error.__cause__ or error, "response", None)
    code: str | None = answer.get("Error", {}).get("Code") if isinstance(answer, dict) else None
    return code
