"""What can go wrong while a local cluster is made or run.

LocalClusterError
|- DownloadError             a package could not be fetched
|  |- CorruptDownloadError   it was fetched, but it is not what the lock file names
|  `- UntrustedError         nobody whom this machine trusts vouches for the server that has it
|- DiskFullError             not enough room for the download, the server tree or the data
|- UnsupportedMachineError   no PyTorch natives are locked for this machine
|- JavaMissingError          the Java runtime could not be found or installed
|- PortTakenError            somebody else listens on the port
|- InstanceMismatchError     the home folder belongs to an instance of another kind
`- ServerStartError          the server died, or did not answer in time
"""

TRUST_HINT = (
    "Behind a company's own certificate authority name the file with its certificate: REQUESTS_CA_BUNDLE (or SSL_CERT_FILE) "
    "for downloads, PIP_CERT for pip. Or take a mirror: SPARSE_INDEX_MAVEN_REPOSITORY, PIP_INDEX_URL."
)
DOCKER_HINT = "Where Docker is available, docker-compose.yaml is the way."


class LocalClusterError(Exception):
    """Root of this package's errors; the message ends with what to do next."""


class DownloadError(LocalClusterError):
    """A package could not be fetched."""


class CorruptDownloadError(DownloadError):
    """A fetched file differs from the one in the lock file."""


class UntrustedError(DownloadError):
    """The certificate of a package server is not trusted, or the file that says whom to trust is not there."""


class DiskFullError(LocalClusterError):
    """Too little room on a disk."""


class UnsupportedMachineError(LocalClusterError):
    """The machine has no locked PyTorch natives."""


class JavaMissingError(LocalClusterError):
    """The Java runtime could not be found or installed."""


class PortTakenError(LocalClusterError):
    """The port is in use by another process."""


class InstanceMismatchError(LocalClusterError):
    """The home folder belongs to an instance with another profile or other settings."""


class ServerStartError(LocalClusterError):
    """The server ended during start, or did not become ready in time."""
