"""Worker processes on this machine: started with the server, started again when one ends."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress


class WorkerProcesses:
    """`JobRunner` that keeps one process alive for each command.

    Args:
        commands: argument lists, such as `[python, -m, shelfcast, worker, --lake, ...]`.
    """

    def __init__(self, commands: Sequence[Sequence[str]], *, look_every_seconds: float = 2.0) -> None:
        self._commands = [list(one) for one in commands]
        self._processes: list[subprocess.Popen[bytes]] = []
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, args=(look_every_seconds,), name="workers", daemon=True)

    def start(self) -> None:
        with self._lock:
            self._processes = [self._spawn(one) for one in self._commands]
        self._thread.start()

    @property
    def process_ids(self) -> list[int]:
        with self._lock:
            return [one.pid for one in self._processes]

    def wake(self) -> None:
        """Workers look for themselves several times a second."""

    def close(self) -> None:
        self._end.set()
        with self._lock:
            for process in self._processes:
                process.terminate()
            for process in self._processes:
                try:
                    process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                _let_go(process)

    def _spawn(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        # Its standard input is our pipe: when the server dies, however it dies, the worker reads its end and stops.
        return subprocess.Popen(command, stdin=subprocess.PIPE)

    def _watch(self, every: float) -> None:
        while not self._end.wait(every):
            with self._lock:
                if self._end.is_set():
                    return
                for number, process in enumerate(self._processes):
                    if process.poll() is not None:
                        _let_go(process)
                        self._processes[number] = self._spawn(self._commands[number])


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """Close our end of an ended process's pipe."""
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
