"""Connections that go to checked addresses only, and that another thread can end."""

import contextlib
import socket
import threading
import weakref
from collections.abc import Callable
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

AddressesOf = Callable[[str, int], list[str]]


class GuardedAdapter(HTTPAdapter):
    """Sends requests over connections to the addresses that a function names.

    With a proxy in the environment, requests go to the proxy, and the proxy looks names up.
    """

    def __init__(self, addresses_of: AddressesOf, connections: int) -> None:
        """Sends requests.

        Args:
            addresses_of: Addresses of a host and port that may be connected to; raises what a
                request shall raise where there are none. Called for each new connection.
            connections: How many connections to a host are kept open.
        """
        self._addresses_of = addresses_of
        self._opened = _Opened()
        super().__init__(pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """As in the base class, with guarded connections."""
        super().init_poolmanager(*args, **options)
        guarded, guarded_tls = _connection_classes(self._addresses_of, self._opened)

        class Pool(HTTPConnectionPool):
            ConnectionCls = guarded

        class TlsPool(HTTPSConnectionPool):
            ConnectionCls = guarded_tls

        self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": TlsPool}

    def end_connections(self) -> None:
        """Ends all connections, for good; threads that wait for an answer get an error at once."""
        self._opened.end()


class _Opened:
    """The connections of one adapter."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: weakref.WeakSet[HTTPConnection] = weakref.WeakSet()
        self._ended = False

    def add(self, connection: HTTPConnection) -> None:
        with self._lock:
            self._connections.add(connection)
            if self._ended:
                connection.close()
                raise NewConnectionError(connection, "all connections were ended")

    def end(self) -> None:
        with self._lock:
            self._ended = True
            for connection in self._connections:
                sock = connection.sock
                if sock is not None:
                    with contextlib.suppress(OSError):  # it has ended on its own
                        sock.shutdown(socket.SHUT_RDWR)


def _connection_classes(
    addresses_of: AddressesOf, opened: _Opened
) -> tuple[type[HTTPConnection], type[HTTPSConnection]]:
    class Guarded(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, addresses_of)

        def connect(self) -> None:
            super().connect()
            opened.add(self)

    class GuardedTls(HTTPSConnection):  # the certificate is still checked against the name
        def _new_conn(self) -> socket.socket:
            return _connect(self, addresses_of)

        def connect(self) -> None:
            super().connect()
            opened.add(self)

    return Guarded, GuardedTls


def _connect(connection: HTTPConnection, addresses_of: AddressesOf) -> socket.socket:
    """A socket to the first of a host's checked addresses that answers."""
    host = connection.host
    try:
        addresses = addresses_of(host, connection.port)
    except socket.gaierror as error:
        raise NameResolutionError(host, connection, error) from error
    failure: OSError | None = None
    for address in addresses:
        try:
            return create_connection(
                (address, connection.port),
                connection.timeout,
                socket_options=connection.socket_options,
            )
        except OSError as error:
            failure = error
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, f"{host} does not answer")
    raise NewConnectionError(connection, f"{host} cannot be reached")
