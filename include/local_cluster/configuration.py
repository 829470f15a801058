"""Writes what a server reads at start: opensearch.yml, log4j2.properties, the PyTorch libraries."""

import os
from collections.abc import Mapping
from pathlib import Path

from local_cluster.assemble import NATIVES, link_or_copy
from local_cluster.home import Home, Launch
from local_cluster.ports import HOST
from local_cluster.profiles import Profile

# Compiles once, fast, instead of again and again.
QUICK_START_OPTIONS = ("-XX:TieredStopAtLevel=1",)
LOGGING = """\
status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = ${sys:opensearch.logs.base_path}/server.log
appender.file.filePattern = ${sys:opensearch.logs.base_path}/server-%i.log
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %marker%m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 64MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 2
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
"""


def write_configuration(home: Home, launch: Launch, extra: Mapping[str, str]) -> None:
    """`extra` comes after the basic lines (security); the launch's own settings come last."""
    for folder in (home.config, home.data, home.logs, home.temporary):
        folder.mkdir(parents=True, exist_ok=True)
    settings = {**_basic_settings(home, launch), **extra, **launch.settings}
    lines = "".join(f"{key}: {value}\n" for key, value in settings.items())
    (home.config / "opensearch.yml").write_text(lines, encoding="utf-8")
    (home.config / "log4j2.properties").write_text(LOGGING, encoding="utf-8")


def _basic_settings(home: Home, launch: Launch) -> dict[str, str]:
    return {
        "cluster.name": f"local-{launch.profile}",
        "node.name": "local",
        "discovery.type": "single-node",
        "network.host": HOST,
        "http.port": str(launch.port),
        "transport.port": str(launch.transport_port),
        # ML Commons refuses work over 85 % by default, where a heap of 1 GB often is just before it is collected.
        "plugins.ml_commons.jvm_heap_memory_threshold": "95",
        # The k-NN plugin comes without its native libraries: an index of its engine faiss would end this node for good.
        "node.attr.knn_natives": '"false"',
        "path.data": str(home.data),
        "path.logs": str(home.logs),
    }


def provide_natives(home: Home, profile: Profile, tree: Path) -> None:
    """Put the PyTorch libraries where ML Commons looks before it would download them."""
    folder = home.data / "ml_cache" / "pytorch" / profile.natives.cache_folder
    for library in (tree / NATIVES).iterdir():
        if not (folder / library.name).exists():
            link_or_copy(library, folder / library.name)


def path_marker(home: Home) -> str:
    """The argument by which a process is recognised as this instance's server."""
    return f"-Dopensearch.path.conf={home.config}"


def java_command(java: Path, home: Home, profile: Profile, tree: Path, launch: Launch) -> list[str]:
    return [
        str(java),
        f"-Xms{launch.heap}",
        f"-Xmx{launch.heap}",
        *profile.jvm_options,
        *(QUICK_START_OPTIONS if launch.quick_start else ()),
        f"-Xbootclasspath/a:{':'.join(map(str, sorted((tree / 'boot').iterdir())))}",
        # OpenSearch refuses to run as root, which is what containers and CI machines have, unless it cannot ask
        # for its user: it does that through JNA. Loopback-only development servers can do without JNA.
        "-Djna.nounpack=true",
        "-Djna.nosys=true",
        # As the official packages set them. Log4j's own shutdown hook would end logging before the server has stopped;
        # without an encoding Java 17 takes the one of the environment, often ASCII.
        "-Dlog4j.shutdownHookEnabled=false",
        "-Dlog4j2.disable.jmx=true",
        "-Dfile.encoding=UTF-8",
        "-Djava.awt.headless=true",
        "-Dio.netty.noUnsafe=true",
        "-XX:-OmitStackTraceInFastThrow",
        f"-XX:ErrorFile={home.logs}/hs_err_pid%p.log",
        f"-Djava.io.tmpdir={home.temporary}",
        f"-Dopensearch.path.home={tree}",
        path_marker(home),
        "-Dopensearch.distribution.type=tar",
        "-cp",
        f"{tree}/lib/*",
        "org.opensearch.bootstrap.OpenSearch",
    ]


def environment(home: Home) -> dict[str, str]:
    """What the server sees of this process's environment: nothing that could change how Java runs."""
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "LANG", "LC_ALL", "TZ", "USER")}
    return {**kept, "HOME": str(home.temporary)}
