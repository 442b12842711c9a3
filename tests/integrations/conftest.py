"""Counterparts that are broken in one way each, and certificates good and bad."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Handler = Callable[[socket.socket], None]


class Listeners:
    """TCP servers on loopback, each given by what it does with a connection."""

    def __init__(self) -> None:
        self.over = threading.Event()
        """Set at the end: what a handler that hangs waits for."""
        self._servers: list[socket.socket] = []
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __call__(self, handler: Handler, context: ssl.SSLContext | None = None) -> int:
        """Serve; returns the port."""
        server = socket.create_server(("127.0.0.1", 0))
        self._servers.append(server)
        self._start(self._accept, server, handler, context)
        return int(server.getsockname()[1])

    def hang(self, connection: socket.socket) -> None:
        """A handler that takes the connection and says nothing."""
        self.over.wait(30)

    def _start(self, run: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=run, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, server: socket.socket, handler: Handler, context: ssl.SSLContext | None) -> None:
        while not self.over.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._start(self._serve, connection, handler, context)

    def _serve(self, connection: socket.socket, handler: Handler, context: ssl.SSLContext | None) -> None:
        with contextlib.suppress(OSError), connection:
            if context is None:
                handler(connection)
            else:
                with context.wrap_socket(connection, server_side=True) as channel:
                    handler(channel)

    def close(self) -> None:
        self.over.set()
        for held in (*self._servers, *self._connections):
            with contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)
            held.close()
        for thread in self._threads:
            thread.join(5)


@pytest.fixture
def listen() -> Iterator[Listeners]:
    """`listen(handler)` serves TCP with it and gives the port."""
    listeners = Listeners()
    yield listeners
    listeners.close()


@pytest.fixture(scope="session")
def dead_port() -> Iterator[int]:
    """A port that refuses connections: it is bound, and nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@dataclass(frozen=True)
class Certificates:
    """An authority and what it signed."""

    folder: Path
    authority: str
    _key: ec.EllipticCurvePrivateKey
    _name: x509.Name

    def server(self, name: str = "good", *, days: int = 90, host: str = "localhost", signed: bool = True) -> str:
        """The path of a PEM file with a certificate and its key, valid for so many days from now."""
        path = self.folder / f"{name}.pem"
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        names: list[x509.GeneralName] = [x509.DNSName(host)]
        if host == "localhost":
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        now = dt.datetime.now(dt.UTC)
        begin = now - dt.timedelta(days=1 if days > 0 else 30)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name if signed else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(now + dt.timedelta(days=days, minutes=5))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
        )
        certificate = builder.sign(self._key if signed else key, hashes.SHA256())
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + _pem(key))
        path.chmod(0o600)
        return str(path)

    def context(self, path: str) -> ssl.SSLContext:
        """A server's context with that file."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority of our own: `certificates.server("expired", days=-2)`."""
    folder = tmp_path_factory.mktemp("certificates")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sysint test authority")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=60))
        .not_valid_after(now + dt.timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "authority.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Certificates(folder, str(folder / "authority.pem"), key, name)
