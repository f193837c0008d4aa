"""A DNS server of our own on loopback, over UDP and TCP, with records from a dict.

`Zone({"example.org TXT": ["v=spf1 -all"], …})`. A value can also be a fault: `"servfail"`, `"silent"` (no answer at
all), `"refused"`, `"truncated"` (UDP answers are cut, so the asker comes by TCP), `"rubbish"`.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

FAULTS = frozenset({"servfail", "silent", "refused", "truncated", "rubbish"})


class Zone:
    """Answers from its table, whose names are lower case; a name with another type has no data, others are not."""

    def __init__(
        self,
        records: Mapping[str, Sequence[str] | str],
        *,
        ttl: int = 300,
        host: str = "127.0.0.1",
        port: int = 0,  # 0: any; system resolvers only know 53
    ) -> None:
        self.records = dict(records)
        self.ttl = ttl
        self.asked: Counter[str] = Counter()
        self._stop = threading.Event()
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._udp.bind((host, port))
            self.port = int(self._udp.getsockname()[1])
            self._tcp = socket.create_server((host, self.port))
        except OSError:
            self._udp.close()
            raise
        for sock in (self._udp, self._tcp):
            sock.settimeout(0.05)
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._serve_udp, self._serve_tcp)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(5)
        self._udp.close()
        self._tcp.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve_udp(self) -> None:
        while not self._stop.is_set():
            try:
                wire, peer = self._udp.recvfrom(4096)
            except TimeoutError:
                continue
            answer = self._answer(wire, tcp=False)
            if answer:
                self._udp.sendto(answer, peer)

    def _serve_tcp(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._tcp.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(2)
                try:
                    (size,) = struct.unpack("!H", connection.recv(2))
                    answer = self._answer(connection.recv(size), tcp=True)
                    connection.sendall(struct.pack("!H", len(answer)) + answer)
                except (OSError, struct.error):
                    continue

    def _answer(self, wire: bytes, *, tcp: bool) -> bytes:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked[f"{name} {kind}"] += 1
        found = self.records.get(f"{name} {kind}")
        response = dns.message.make_response(query, recursion_available=True)
        if isinstance(found, str) and found in FAULTS - {"truncated"}:
            if found == "silent":
                return b""
            if found == "rubbish":
                return wire[:2] + b"\xff" * 40
            response.set_rcode(dns.rcode.SERVFAIL if found == "servfail" else dns.rcode.REFUSED)
            return response.to_wire()
        if found == "truncated":
            if not tcp:
                response.flags |= dns.flags.TC
                return response.to_wire()
            found = ["v=spf1 ip4:192.0.2.1 -all"]
        if found is None:
            if not any(key.split(" ")[0] == name for key in self.records):
                response.set_rcode(dns.rcode.NXDOMAIN)
            return response.to_wire()
        texts = [_quoted(text) if kind == "TXT" else text for text in found]
        response.answer.append(dns.rrset.from_text_list(question.name, self.ttl, "IN", kind, texts))
        try:
            return response.to_wire(max_size=65535 if tcp else 1232)
        except dns.exception.TooBig:
            response.answer.clear()
            response.flags |= dns.flags.TC
            return response.to_wire()


def _quoted(text: str) -> str:
    pieces = [text[at : at + 200] for at in range(0, len(text), 200)] or [""]
    return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)
