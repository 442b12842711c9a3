"""From a declared url and a declared request to the bytes that are sent, and to the curl command that does the same."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from pytest_sysint.core.errors import CallError, Rejected
from pytest_sysint.core.secrets import MASK, learn, learn_url, redact
from pytest_sysint.integrations._auth import Credentials, credentials, from_userinfo
from pytest_sysint.integrations._body import secret_header, show_message, write_body, write_query
from pytest_sysint.integrations._net import host_port
from pytest_sysint.integrations._wire import Header, Message, Proxy

_PORTS = {"http": 80, "https": 443}
_SAFE = "/?%:@!$&'()*+,;=~[]"
_REQUEST = re.compile(r"(?:(?P<method>[A-Z]+)(?:\s+|$))?(?P<path>(?:[/?]\S.*|/)?)")
_AUTOMATIC = frozenset({"host", "user-agent", "accept", "accept-encoding", "content-length"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_BODIED = frozenset({"POST", "PUT", "PATCH"})


def split_request(text: str) -> tuple[str, str]:
    """Method and path of `GET /residents`; GET without a method, the url itself without a path.

    Raises:
        ValueError: when it is neither.

    """
    found = _REQUEST.fullmatch(text.strip())
    if found is None or not text.strip():
        raise ValueError("expected a method and a path that begins with '/', such as 'GET /residents'")
    return found["method"] or "GET", found["path"]


@dataclass(frozen=True, slots=True)
class Call:
    """A request made ready."""

    method: str
    shown: str
    """The target as it may be seen."""
    message: Message
    hidden: frozenset[bytes]
    """Names of headers that are secrets, whatever they are called."""
    origin: str
    """scheme://host:port"""

    @property
    def title(self) -> str:
        """One line for people."""
        return f"{self.method} {self.origin}{self.shown}"

    def show(self) -> str:
        """The request as text, without secrets."""
        first = f"{self.method} {self.shown} HTTP/1.1"
        return show_message(first, self.message.headers, self.message.body, self.hidden)

    def curl(self, settings: Any) -> str:
        """The shell command that does the same; `$NAME` stands where a secret must be put in."""
        tls, words = settings.tls, ["curl -sS -i"]
        if self.method != "GET":
            words.append("--head" if self.method == "HEAD" else f"-X {self.method}")
        words += ["-L"] if settings.follow_redirects else []
        words += [] if tls.verify else ["--insecure"]
        for option, path in (("--cacert", tls.ca), ("--cert", tls.cert), ("--key", tls.key)):
            words += [f"{option} {shlex.quote(path)}"] if path else []
        words += [_header_option(*header) for header in self.message.headers if header[0].decode() not in _AUTOMATIC]
        if self.message.body:
            words.append(f"--data-raw {shlex.quote(redact(self.message.body.decode('utf-8', 'replace')))}")
        words.append(_in_shell(f"{self.origin}{self.shown}", "API_KEY"))
        return " ".join(words)


def _header_option(raw_name: bytes, raw_value: bytes) -> str:
    name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
    if not secret_header(name):
        return f"-H {_in_shell(f'{name}: {redact(value)}', name)}"
    scheme = value.partition(" ")[0] if name == "authorization" and " " in value else ""
    variable = {"bearer": "TOKEN", "basic": "USER_AND_PASSWORD_IN_BASE64"}.get(scheme.lower(), name)
    return f"-H {_in_shell(f'{name}: {scheme} {MASK}' if scheme else f'{name}: {MASK}', variable)}"


def _in_shell(text: str, variable: str) -> str:
    """A word for the shell; what is masked becomes a variable."""
    if MASK not in text:
        return shlex.quote(text)
    name = re.sub(r"\W", "_", variable).upper()
    safe = re.sub(r"([\\\"$`])", r"\\\1", text)
    return f'"{safe.replace(MASK, f"${name}")}"'


@dataclass(frozen=True, slots=True)
class Base:
    """A declared url taken apart, with what goes with every request."""

    scheme: str
    host: str
    port: int
    authority: str
    """What the Host header says: without the port where it is the scheme's own."""
    prefix: str
    """The path that every request's path continues; without a slash at the end."""
    path: str
    """The path of the url itself."""
    query: str
    headers: Mapping[str, str]
    credentials: Credentials

    @classmethod
    def of(cls, settings: Any) -> Base:
        """Take apart the url of HTTP settings.

        Raises:
            CallError: when it is no http or https url.

        """
        url = settings.url
        learn_url(url)
        host, port = host_port(url, 0)
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise CallError(
                f"'{redact(url.partition('?')[0])}' is not an http or https url",
                rung="dns",
                hint="write http://host:port/path",
            )
        host = _ascii(host)
        shown = f"[{host}]" if ":" in host else host
        headers = {name.lower(): value for name, value in settings.headers.items()}
        for name, value in headers.items():
            if secret_header(name):
                learn(value)
        userinfo = parts.netloc.rpartition("@")[0]
        return cls(
            scheme=parts.scheme,
            host=host,
            port=port or _PORTS[parts.scheme],
            authority=shown if port in (0, _PORTS[parts.scheme]) else f"{shown}:{port}",
            prefix=parts.path.rstrip("/"),
            path=parts.path or "/",
            query=parts.query,
            headers=headers,
            credentials=credentials(settings.auth) or from_userinfo(userinfo),
        )

    @property
    def has_credentials(self) -> bool:
        """Whether requests carry any."""
        return bool(self.credentials) or any(secret_header(name) for name in self.headers)

    def call(self, method: str, path: str, options: Mapping[str, Any]) -> Call:
        """A request made ready."""
        chosen = options.get("auth")
        known = self.credentials if chosen is None else Credentials() if chosen == "none" else credentials(chosen)
        body, content_type = write_body(options)
        headers = {
            "host": self.authority,
            "user-agent": "pytest-sysint",
            "accept": "*/*",
            "accept-encoding": "gzip, deflate",
            **self._own_headers(chosen),
            **dict(known.headers),
        }
        if content_type:
            headers["content-type"] = content_type
        for name, value in (options.get("headers") or {}).items():
            if value is None:
                headers.pop(name.lower(), None)
                continue
            headers[name.lower()] = value
            if secret_header(name):
                learn(value)
        if body or method in _BODIED:
            headers["content-length"] = str(len(body))
        target, shown = self._target(path, options.get("query") or {}, known.query)
        message = Message(method.encode(), target.encode(), _encoded(headers), body)
        hidden = frozenset(name.encode() for name, _ in known.headers)
        return Call(method, shown, message, hidden, f"{self.scheme}://{self.authority}")

    def _own_headers(self, chosen: Any) -> Mapping[str, str]:
        if chosen is None:
            return self.headers
        return {name: value for name, value in self.headers.items() if not secret_header(name)}

    def _target(self, path: str, query: Mapping[str, Any], secret: str) -> tuple[str, str]:
        full = quote(self.prefix + path if path.startswith("/") else self.path + path, safe=_SAFE)
        more = [part for part in (quote(self.query, safe=_SAFE), write_query(query)) if part]
        if not (more or secret):
            return full, full
        hidden = [f"{secret.partition('=')[0]}={MASK}"] if secret else []
        head = full + ("&" if "?" in full else "?")
        return head + "&".join([*more, *([secret] if secret else [])]), head + "&".join([*more, *hidden])


def _encoded(headers: Mapping[str, str]) -> list[Header]:
    try:
        return [(name.encode("ascii"), value.encode("utf-8")) for name, value in headers.items()]
    except UnicodeEncodeError:
        raise CallError("the request cannot be sent: the name of a header is not plain ASCII") from None


def _ascii(host: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        raise CallError(f"'{host}' cannot be a host name", rung="dns", hint="check the url for a slip") from None


def redirected(call: Call, base: Base, status: int, location: str) -> Call:
    """The request that a redirect asks for.

    Raises:
        Rejected: when it leads to a host that the declaration does not name.

    """
    parts = urlsplit(urljoin(f"{call.origin}{call.message.target.decode()}", location))
    there = (parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0))
    if there != (base.scheme, base.host, base.port):
        raise Rejected(
            f"{call.title} is redirected to {parts.scheme}://{parts.netloc.rpartition('@')[2]}, "
            "which the declaration does not name",
            code=str(status),
            hint="declare the url that is redirected to; nothing is sent to other hosts",
        )
    target = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    sent, method = call.message, call.method
    headers, body = sent.headers, sent.body
    if status == 303 or (status in (301, 302) and method == "POST"):
        method = "HEAD" if method == "HEAD" else "GET"
        headers = [header for header in headers if header[0] not in (b"content-length", b"content-type")]
        body = b""
    return replace(call, method=method, shown=target, message=Message(method.encode(), target.encode(), headers, body))


def find_proxy(setting: str, base: Base) -> Proxy | None:
    """The proxy that leads to a url, or None for the direct way. Loopback is never asked of the environment's proxy."""
    url = setting
    if setting == "environment":
        if base.host in _LOOPBACK or proxy_bypass(base.authority):
            return None
        url = getproxies().get(base.scheme, "")
    if not url:
        return None
    learn_url(url)
    host, port = host_port(url, 8080)
    known = from_userinfo(urlsplit(url if "://" in url else f"//{url}").netloc.rpartition("@")[0])
    return Proxy(host, port, tuple((b"proxy-authorization", value.encode()) for _, value in known.headers))
