"""Connections to hosts: checked addresses, TLS, a limit of time on every byte, reused while the host allows it."""

import io
import select
import socket
import ssl
import threading
import time
from collections import OrderedDict
from http.client import HTTPConnection
from typing import NamedTuple

from worker.addresses import AddressRules
from worker.errors import RefusedAddressError, TimedOutError
from worker.resolving import Resolver

IDLE_PER_ORIGIN = 32
IDLE_IN_ALL = 128
IDLE_S = 20.0
"""Idle connections kept per origin, in all, and for how long: servers close theirs after 5 to 75 s."""


class Origin(NamedTuple):
    """Who is asked: one connection serves one origin."""

    scheme: str
    host: str
    port: int


class Deadline:
    """The moment at which one download must have ended; time spent waiting for room in memory is given back."""

    def __init__(self, timeout_s: float) -> None:
        self._at = time.monotonic() + timeout_s

    def left_s(self, *, at_most: float) -> float:
        """Give the seconds that a wait may take; raises TimeoutError where none are left."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, at_most)

    def give_back(self, seconds: float) -> None:
        """Move the deadline by `seconds` in which nothing was asked of the host."""
        self._at += seconds


class TimedSocket(io.RawIOBase):
    """The socket of one connection, in the form that `http.client` reads: every wait ends by the deadline."""

    def __init__(self, sock: socket.socket, *, read_timeout_s: float, deadline: Deadline) -> None:
        self.sock = sock
        self.deadline = deadline
        self._read_timeout_s = read_timeout_s

    def readable(self) -> bool:
        """Tell `BufferedReader` that this can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # BufferedReader passes a memoryview
        """Read what has arrived; waits for the first byte."""
        self.sock.settimeout(self.deadline.left_s(at_most=self._read_timeout_s))
        return self.sock.recv_into(buffer)

    def sendall(self, data: bytes) -> None:
        """Send the request."""
        self.sock.settimeout(self.deadline.left_s(at_most=self._read_timeout_s))
        self.sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Give a reader for one response; it does not close the connection."""
        return io.BufferedReader(_Borrowed(self), 65536)

    def close(self) -> None:
        """Close the connection."""
        self.sock.close()


class _Borrowed(io.RawIOBase):
    """A reader of a connection that stays open when the reader is closed."""

    def __init__(self, timed: TimedSocket) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # BufferedReader passes a memoryview
        return self._timed.readinto(buffer)


class Connection(HTTPConnection):
    """One connection to one origin, over a socket that is connected already."""

    def __init__(self, origin: Origin, timed: TimedSocket) -> None:
        super().__init__(origin.host, origin.port)
        self.origin = origin
        self.timed = timed
        self.sock = timed
        self.auto_open = 0
        self.is_reused = False
        self.idle_since = 0.0

    def is_alive(self) -> bool:
        """Tell whether the host has neither closed an idle connection nor sent what nobody asked for."""
        poll = select.poll()
        poll.register(self.timed.sock, select.POLLIN)
        return not poll.poll(0)


class Connections:
    """Opens connections to permitted addresses and keeps the idle ones; thread-safe."""

    def __init__(
        self, rules: AddressRules, resolver: Resolver, *, connect_timeout_s: float, read_timeout_s: float
    ) -> None:
        self._rules = rules
        self._resolver = resolver
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._tls = ssl.create_default_context()
        self._tls.set_alpn_protocols(["http/1.1"])
        self._lock = threading.Lock()
        self._idle: OrderedDict[int, Connection] = OrderedDict()
        self._idle_of: dict[Origin, list[int]] = {}

    def take(self, origin: Origin, *, deadline: Deadline) -> Connection:
        """Give an idle connection to `origin`, else a new one."""
        while (connection := self._pop(origin)) is not None:
            if time.monotonic() - connection.idle_since < IDLE_S and connection.is_alive():
                connection.timed.deadline = deadline
                connection.is_reused = True
                return connection
            connection.close()
        return self.open(origin, deadline=deadline)

    def open(self, origin: Origin, *, deadline: Deadline) -> Connection:
        """Connect to the first address of `origin` that is permitted and answers.

        Raises:
            RefusedAddressError: None of its addresses may be asked.
            UnreachableError, TimedOutError, OSError: None of its addresses could be reached in time.
        """
        addresses = self._resolver.resolve(
            origin.host, timeout_s=deadline.left_s(at_most=self._connect_timeout_s)
        )
        refused: RefusedAddressError | None = None
        failed: OSError | None = None
        for address in addresses:
            try:
                self._rules.check(address, origin.port)
            except RefusedAddressError as error:
                refused = error
                continue
            try:
                sock = self._connect(address, origin, deadline=deadline)
            except ssl.SSLError:
                raise
            except OSError as error:
                failed = error
                continue
            return Connection(
                origin, TimedSocket(sock, read_timeout_s=self._read_timeout_s, deadline=deadline)
            )
        if failed is not None:
            raise failed
        if refused is not None:
            raise refused
        raise TimedOutError(f"name {origin.host!r} has no address", host=origin.host)

    def _connect(self, address: str, origin: Origin, *, deadline: Deadline) -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(deadline.left_s(at_most=self._connect_timeout_s))
            sock.connect((address, origin.port))
            self._rules.check(sock.getpeername()[0], origin.port)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if origin.scheme == "https":
                sock.settimeout(deadline.left_s(at_most=self._connect_timeout_s))
                return self._tls.wrap_socket(sock, server_hostname=origin.host)
        except BaseException:
            sock.close()
            raise
        return sock

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose response was read to its end."""
        connection.idle_since = time.monotonic()
        with self._lock:
            of_origin = self._idle_of.setdefault(connection.origin, [])
            surplus = self._idle.pop(of_origin.pop(0)) if len(of_origin) >= IDLE_PER_ORIGIN else None
            of_origin.append(id(connection))
            self._idle[id(connection)] = connection
            if surplus is None and len(self._idle) > IDLE_IN_ALL:
                _, surplus = self._idle.popitem(last=False)
                self._forget(surplus)
        if surplus is not None:
            surplus.close()

    def close(self) -> None:
        """Close all idle connections."""
        with self._lock:
            idle = list(self._idle.values())
            self._idle.clear()
            self._idle_of.clear()
        for connection in idle:
            connection.close()

    def _pop(self, origin: Origin) -> Connection | None:
        with self._lock:
            of_origin = self._idle_of.get(origin)
            if not of_origin:
                return None
            connection = self._idle.pop(of_origin[-1])
            self._forget(connection)
            return connection

    def _forget(self, connection: Connection) -> None:
        of_origin = self._idle_of[connection.origin]
        of_origin.remove(id(connection))
        if not of_origin:
            del self._idle_of[connection.origin]
