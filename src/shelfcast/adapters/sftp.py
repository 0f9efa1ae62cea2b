"""`FileDelivery` over SFTP (asyncssh): the server's key is pinned, and a file is seen whole or not at all.

<folder>/.<name>.part     while it is being written; a try that broke off is gone on with
<folder>/<name>           by renaming
<folder>/<name>.sha256    last: whoever sees it knows the file is complete, and can check it
<folder>/acks/*           what the other side has for us; worked on, it goes to acks/done/
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from shelfcast.adapters.blob_keys import check_key
from shelfcast.domain.errors import BadParameter, Conflict, MissingExtra, SourceDown
from shelfcast.ports.file_delivery import Receipt

T = TypeVar("T")
PIECE = 256 * 1024
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class SftpTarget:
    """Where to, as whom, and how we know it is them.

    Args of note:
        host_key: fingerprint `SHA256:...` (as ssh-keygen -l prints it) or a public key line. There is no way to leave it
            out: orders are not given to a server nobody knows.
        key_file: private key to sign in with; `passphrase` if it has one. Or `password`.
    """

    host: str
    username: str
    host_key: str
    port: int = 22
    folder: str = "."
    key_file: Path | None = None
    passphrase: str | None = None
    password: str | None = None

    @classmethod
    def from_url(cls, url: str, host_key: str, **more: Any) -> SftpTarget:
        """`sftp://user@host:22/folder`; a folder that begins with // is from the root.

        Raises:
            BadParameter: it isn't such an address, or there is no host key.
        """
        parts = urlsplit(url)
        try:
            port = parts.port or 22
        except ValueError as error:
            raise BadParameter(f"SFTP address {url!r}: {error}. Write sftp://user@host:22/folder.") from error
        if parts.scheme != "sftp" or not parts.hostname or not parts.username:
            raise BadParameter(
                f"SFTP address {parts.scheme}://{parts.hostname or ''} can't be used. Write sftp://user@host:22/folder."
            )
        if parts.password:
            raise BadParameter("the SFTP address holds a password; give it by its variable, so that no log shows it.")
        if not host_key.strip():
            raise BadParameter(
                "the server's host key is missing. Ask its operator for the fingerprint (SHA256:...), or see it with "
                f"`ssh-keyscan -p {port} {parts.hostname} | ssh-keygen -lf -`, and compare the two."
            )
        folder = unquote(parts.path[1:]) or "."
        return cls(parts.hostname, unquote(parts.username), host_key.strip(), port, folder, **more)


class Sftp:
    """`FileDelivery` to one folder of one server."""

    def __init__(self, target: SftpTarget) -> None:
        self._target = target

    def deliver(self, name: str, data: bytes) -> Receipt:
        check_key(name)
        return self._run(self._deliver(name, data))

    def collect(self) -> list[tuple[str, bytes]]:
        return self._run(self._collect())

    def done(self, name: str) -> None:
        check_key(name)
        self._run(self._done(name))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            import asyncssh
        except ImportError as error:
            work.close()
            raise MissingExtra("SFTP needs the sftp extra: pip install 'shelfcast[sftp]'") from error
        where = f"sftp://{self._target.host}:{self._target.port}"
        try:
            return asyncio.run(asyncio.wait_for(work, TIMEOUT_SECONDS * 20))
        except asyncssh.HostKeyNotVerifiable as error:
            raise BadParameter(
                f"{where} shows another host key than the one it should ({self._target.host_key[:60]}). Nothing was sent. If "
                "its operator changed the key, set the new one; if not, somebody is in between."
            ) from error
        except asyncssh.PermissionDenied as error:
            raise BadParameter(
                f"{where} doesn't let {self._target.username} in: {error.reason}. Check user and key."
            ) from error
        except asyncssh.SFTPPermissionDenied as error:
            raise BadParameter(
                f"{where} refuses to write in {self._target.folder}: {error.reason}. Check the folder's rights."
            ) from error
        except (asyncssh.SFTPNoSuchPath, asyncssh.SFTPNoSuchFile) as error:
            raise BadParameter(
                f"{where} has no folder {self._target.folder}: {error.reason}. Make it, or name another."
            ) from error
        except (asyncssh.KeyImportError, FileNotFoundError) as error:
            raise BadParameter(f"the key {self._target.key_file} can't be used: {error}.") from error
        except (asyncssh.Error, OSError, TimeoutError) as error:
            reason = getattr(error, "reason", "") or str(error) or type(error).__name__
            raise SourceDown(f"{where} doesn't answer: {reason}. It is tried again.") from error

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Any]:
        import asyncssh

        target = self._target

        class Pinned(asyncssh.SSHClient):
            def validate_host_public_key(self, host: str, addr: str, port: int, key: Any) -> bool:  # noqa: ARG002
                return _same_key(key, target.host_key)

        keys = [asyncssh.read_private_key(str(target.key_file), target.passphrase)] if target.key_file else None
        async with (
            asyncssh.connect(
                target.host, target.port, username=target.username, client_keys=keys, password=target.password,
                known_hosts=([], [], []), client_factory=Pinned, agent_path=None, config=None,
                connect_timeout=TIMEOUT_SECONDS, login_timeout=TIMEOUT_SECONDS,
            ) as connection,
            connection.start_sftp_client() as client,
        ):  # fmt: skip
            yield client

    async def _deliver(self, name: str, data: bytes) -> Receipt:
        digest = hashlib.sha256(data).hexdigest()
        folder = self._target.folder
        final, part, sums = f"{folder}/{name}", f"{folder}/.{name}.part", f"{folder}/{name}.sha256"
        async with self._session() as client:
            resumed, there = 0, False
            if await client.exists(final):
                if await _digest(client, final) != digest:
                    raise Conflict(
                        f"{name} is there already with other content; nothing was written. See what put it there."
                    )
                there = True
            else:
                resumed = await _write(client, part, data)
                if await _digest(client, part) != digest:
                    await client.remove(part)
                    raise SourceDown(f"{name} arrived damaged; it was taken away again.")
                await client.rename(part, final)
            if not await client.exists(sums):
                await _write(client, f"{folder}/.{name}.sha256.part", f"{digest}  {name}\n".encode())
                await client.rename(f"{folder}/.{name}.sha256.part", sums)
        where = f"sftp://{self._target.host}:{self._target.port}/{final}"
        return Receipt(where, digest, len(data), resumed, there)

    async def _collect(self) -> list[tuple[str, bytes]]:
        folder = f"{self._target.folder}/acks"
        async with self._session() as client:
            if not await client.isdir(folder):
                return []
            names = [str(one) for one in await client.listdir(folder)]
            found = []
            for name in sorted(names):
                if name.startswith(".") or name.endswith(".part") or not await client.isfile(f"{folder}/{name}"):
                    continue
                async with client.open(f"{folder}/{name}", "rb") as file:
                    found.append((name, bytes(await file.read())))
            return found

    async def _done(self, name: str) -> None:
        folder = f"{self._target.folder}/acks"
        async with self._session() as client:
            await client.makedirs(f"{folder}/done", exist_ok=True)
            if await client.exists(f"{folder}/{name}"):
                await client.posix_rename(f"{folder}/{name}", f"{folder}/done/{name}")


async def _write(client: Any, path: str, data: bytes) -> int:
    """Write a file, going on where an earlier try broke off if what is there is its beginning; bytes found there."""
    there = 0
    if await client.exists(path):
        size = (await client.stat(path)).size or 0
        if 0 < size <= len(data) and await _digest(client, path) == hashlib.sha256(data[:size]).hexdigest():
            there = size
    async with client.open(path, "r+b" if there else "wb") as file:
        for start in range(there, len(data), PIECE):
            await file.write(data[start : start + PIECE], start)
    return there


async def _digest(client: Any, path: str) -> str:
    digest = hashlib.sha256()
    async with client.open(path, "rb") as file:
        while piece := await file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _same_key(key: Any, wanted: str) -> bool:
    """Whether a server's key is the one pinned: by fingerprint, or by the key itself."""
    if wanted.startswith(("SHA256:", "SHA512:")):
        return bool(key.get_fingerprint(wanted[:6].lower()) == wanted)
    fields = wanted.split()
    ours = key.export_public_key().decode().split()
    return any(fields[at : at + 2] == ours[:2] for at in range(len(fields)))
