"""Files to an SFTP server: a real OpenSSH one where it is installed, and asyncssh's own."""

from __future__ import annotations

import asyncio
import getpass
import hashlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from shelfcast.adapters.sftp import Sftp, SftpTarget
from shelfcast.domain.errors import BadParameter, Conflict, SourceDown
from shelfcast.pipeline.push_orders import Channel, collect, push
from tests.functional.erp_lake import approve, lake, states

asyncssh = pytest.importorskip("asyncssh", reason="asyncssh isn't installed (pip install 'shelfcast[sftp]')")


@dataclass
class Server:
    port: int
    folder: Path
    key_file: Path
    fingerprint: str
    host_key: str

    def door(self, **more) -> Sftp:
        url = f"sftp://{getpass.getuser()}@127.0.0.1:{self.port}//{str(self.folder).lstrip('/')}"
        target = {"host_key": self.fingerprint, "key_file": self.key_file} | more
        return Sftp(SftpTarget.from_url(url, **target))


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def keys(folder: Path) -> tuple[Path, Path, str, str]:
    """(client's key file, server's key file, server's fingerprint, server's public key)."""
    for name in ("client", "host"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(str(folder / name))
        key.write_public_key(str(folder / f"{name}.pub"))
        (folder / name).chmod(0o600)
    host = asyncssh.read_public_key(str(folder / "host.pub"))
    return folder / "client", folder / "host", host.get_fingerprint("sha256"), (folder / "host.pub").read_text().strip()


@contextmanager
def openssh(folder: Path) -> Iterator[Server]:
    daemon = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
    if not daemon:
        pytest.skip("no OpenSSH server on this machine (apt-get install openssh-server)")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    client, host, fingerprint, public = keys(folder)
    port, files = free_port(), folder / "erp"
    files.mkdir()
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {host}\nAuthorizedKeysFile {client}.pub\nPidFile {folder}/pid\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nPermitRootLogin yes\n"
        "Subsystem sftp internal-sftp\nLogLevel ERROR\n"
    )
    process = subprocess.Popen([daemon, "-D", "-e", "-f", folder / "config"], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield Server(port, files, client, fingerprint, public)
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def asyncssh_server(folder: Path) -> Iterator[Server]:
    client, host, fingerprint, public = keys(folder)
    files = folder / "erp"
    files.mkdir()
    loop = asyncio.new_event_loop()

    async def listen() -> object:
        return await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[str(host)], authorized_client_keys=f"{client}.pub", sftp_factory=True
        )

    server = loop.run_until_complete(listen())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield Server(server.get_port(), files, client, fingerprint, public)  # type: ignore[attr-defined]
    finally:

        async def close() -> None:
            server.close()  # type: ignore[attr-defined]
            await server.wait_closed()  # type: ignore[attr-defined]
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        asyncio.run_coroutine_threadsafe(close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module", params=[openssh, asyncssh_server])
def started(request, tmp_path_factory) -> Iterator[Server]:
    with request.param(tmp_path_factory.mktemp("ssh")) as server:
        yield server


@pytest.fixture
def server(started: Server) -> Server:
    shutil.rmtree(started.folder)
    started.folder.mkdir()
    return started


DATA = os.urandom(700_000)


def names(server: Server) -> list[str]:
    return sorted(path.name for path in server.folder.iterdir())


def test_a_file_arrives_whole_under_its_name_with_its_checksum_beside(server):
    done = server.door().deliver("orders-1.csv", DATA)
    assert (server.folder / "orders-1.csv").read_bytes() == DATA
    digest = hashlib.sha256(DATA).hexdigest()
    assert (server.folder / "orders-1.csv.sha256").read_text() == f"{digest}  orders-1.csv\n"
    assert (done.sha256, done.size, done.resumed_from, done.already_there) == (digest, len(DATA), 0, False)
    assert names(server) == ["orders-1.csv", "orders-1.csv.sha256"]


def test_the_same_file_again_changes_nothing_and_another_of_its_name_is_refused(server):
    server.door().deliver("orders-1.csv", DATA)
    (server.folder / "orders-1.csv.sha256").unlink()  # killed between the two
    assert server.door().deliver("orders-1.csv", DATA).already_there
    assert names(server) == ["orders-1.csv", "orders-1.csv.sha256"]
    with pytest.raises(Conflict, match="other content"):
        server.door().deliver("orders-1.csv", DATA + b"x")
    assert (server.folder / "orders-1.csv").read_bytes() == DATA


@pytest.mark.parametrize(
    ("left", "resumed"),
    [(DATA[:300_000], 300_000), (b"something else", 0), (b"", 0), (DATA + b"more", 0), (DATA, len(DATA))],
)
def test_a_try_that_broke_off_is_gone_on_with_if_what_is_there_is_its_beginning(server, left, resumed):
    (server.folder / ".orders-1.csv.part").write_bytes(left)
    assert server.door().deliver("orders-1.csv", DATA).resumed_from == resumed
    assert (server.folder / "orders-1.csv").read_bytes() == DATA and names(server) == [
        "orders-1.csv",
        "orders-1.csv.sha256",
    ]


def test_a_server_with_another_key_gets_nothing(server):
    wrong = asyncssh.generate_private_key("ssh-ed25519").get_fingerprint("sha256")
    with pytest.raises(BadParameter, match="another host key"):
        server.door(host_key=wrong).deliver("orders-1.csv", DATA)
    assert names(server) == []
    server.door(host_key=server.host_key).deliver("orders-1.csv", DATA)
    server.door(host_key=f"[127.0.0.1]:{server.port} {server.host_key}").deliver("orders-1.csv", DATA)


def test_a_key_the_server_does_not_know_is_told(server, tmp_path):
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(tmp_path / "other"))
    with pytest.raises(BadParameter, match="doesn't let"):
        server.door(key_file=tmp_path / "other").deliver("orders-1.csv", DATA)
    with pytest.raises(BadParameter, match="can't be used"):
        server.door(key_file=tmp_path / "none").deliver("orders-1.csv", DATA)


def test_a_folder_that_is_not_there_is_told(server):
    shutil.rmtree(server.folder)
    with pytest.raises(BadParameter, match="has no folder"):
        server.door().deliver("orders-1.csv", DATA)
    server.folder.mkdir()


def test_nobody_listening_is_down():
    target = SftpTarget.from_url(f"sftp://me@127.0.0.1:{free_port()}/x", "SHA256:x")
    with pytest.raises(SourceDown, match="doesn't answer"):
        Sftp(target).deliver("orders-1.csv", b"x")


@pytest.mark.parametrize(
    "url", ["ftp://me@host/x", "sftp://host/x", "sftp:///x", "sftp://me:secret@host/x", "sftp://me@host:port/x", "host"]
)
def test_an_address_that_can_not_be_used_says_how_one_looks(url):
    with pytest.raises(BadParameter, match=r"sftp://user@host|by its variable") as refused:
        SftpTarget.from_url(url, "SHA256:x")
    assert "secret" not in str(refused.value)


def test_a_server_nobody_knows_is_no_server():
    with pytest.raises(BadParameter, match="ssh-keyscan -p 22 host"):
        SftpTarget.from_url("sftp://me@host/x", " ")


def test_orders_go_out_and_acknowledgements_come_back(server):
    platform = lake()
    approve(platform, "r1", "r2")
    channel = Channel("erp", server.door(), "edifact")
    (done,) = push(platform, channel, currency="EUR", wait=lambda _: None)
    assert names(server) == [done.name, f"{done.name}.sha256"] and done.state == "delivered"
    assert collect(platform, channel).files == 0
    (server.folder / "acks").mkdir()
    (server.folder / "acks" / "one.json").write_text(
        '[{"order_ref": "r1", "state": "acknowledged"}, {"order_ref": "r2", "state": "rejected"}]'
    )
    (server.folder / "acks" / ".half.json.part").write_text("[")
    assert collect(platform, channel).noted == 2
    assert states(platform) == {"r1": "acknowledged", "r2": "rejected"}
    assert collect(platform, channel).files == 0
    assert (server.folder / "acks" / "done" / "one.json").exists()
