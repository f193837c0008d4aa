"""A wire that breaks: a proxy before PostgreSQL that lets a COMMIT through and then drops the answer.

Whoever waits for the answer cannot know whether the transaction is there. Nothing of the product or of the server
is replaced; the proxy only forwards bytes.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_CHUNK = 65_536


@dataclass
class Wire:
    """Listens on loopback, forwards to the server's Unix socket. `cut(n)` drops the answers to the next n COMMITs."""

    target: Path
    to_cut: int = 0
    cuts: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self, times: int) -> None:
        with self._lock:
            self.to_cut += times

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self.target))
                threading.Thread(target=self._forward, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._forward, args=(server, client, False), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, outward: bool) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                doomed = outward and b"COMMIT" in data and self._take()
                sink.sendall(data)
                if doomed:
                    # The server has it and will commit; nobody here will ever read what it says.
                    source.shutdown(socket.SHUT_RDWR)
                    threading.Event().wait(0.2)
                    break
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _take(self) -> bool:
        with self._lock:
            if not self.to_cut:
                return False
            self.to_cut -= 1
            self.cuts += 1
            return True
