"""The errors of the product, each written for the person who gets it.

SysintError
|-- UsageError           an option, a name or a file that the user gave
|-- DeclarationError     every problem of every declaration, with its position
|-- Mistakes             what is wrong with one declared value, on its way to become the above
|-- MissingDriver        the library of a declared type is not installed
|-- Unavailable          an integration that cannot be there on this machine
|   `-- StartFailed      it could, and did not come up
|-- CallError            a conversation with an integration that went wrong
|   |-- Unreachable      no connection (dns, tcp): worth another try
|   |-- TimedOut         no answer in time: worth another try
|   |-- TlsFailed        the encrypted channel could not be made
|   |-- Denied           credentials were refused
|   |-- Garbled          the answer is not of the protocol
|   |-- TooLarge         the answer is larger than allowed
|   `-- Rejected         the other side understood, and said no
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """The allowed word that the given one was probably meant to be, or None."""
    found = difflib.get_close_matches(word.lower(), list(allowed), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """A sentence part for messages: `, did you mean 'x'? (allowed: a, b)`; empty without anything allowed."""
    words = sorted(allowed)
    guess = nearest(word, words)
    ask = f", did you mean '{guess}'?" if guess else ""
    shown = ", ".join(words[:24]) + (", ..." if len(words) > 24 else "")
    return f"{ask} (allowed: {shown})" if words else ask


class SysintError(Exception):
    """Base of all errors that the product raises on purpose. `hint` says what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class UsageError(SysintError):
    """An option, a name or a file given by the user cannot be used."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a declaration. `line` and `column` count from 1; 0 where there is no position."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class DeclarationError(SysintError):
    """Everything that is wrong with the declarations read, in the order of the files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{count} problem{'s' if count != 1 else ''} in the declaration:"
        super().__init__("\n".join([head, *(f"  {problem}" for problem in self.problems)]))


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake within a declared value: the way to it from that value, and what is wrong there."""

    path: tuple[str | int, ...]
    message: str


class Mistakes(SysintError):
    """What is wrong with one declared value. The declaration room turns each into a `Problem` with its position."""

    def __init__(self, *mistakes: Mistake) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(f"{'.'.join(map(str, m.path))}: {m.message}" for m in mistakes))

    def under(self, *path: str | int) -> Mistakes:
        """The same, seen from a value that holds this one at `path`."""
        return Mistakes(*(Mistake((*path, *mistake.path), mistake.message) for mistake in self.mistakes))


class MissingDriver(SysintError):
    """The client library of a declared type is not installed."""

    def __init__(self, type_name: str, module: str) -> None:
        super().__init__(
            f"type '{type_name}' needs the Python module '{module}', which is not installed",
            hint=f"pip install 'pytest-sysint[{type_name}]'",
        )
        self.type_name = type_name


class Unavailable(SysintError):
    """An integration that cannot be provided here; the hint says what would make it run."""


class StartFailed(Unavailable):
    """A service that could have been there, and did not come up: a failure, where `Unavailable` alone is a gap."""


class CallError(SysintError):
    """A conversation with an integration went wrong.

    `rung` names the step of the probe ladder that broke (dns, tcp, tls, authentication, ping, read, write);
    `code` is the protocol's own (SQLSTATE, HTTP status, AMQP reply code, ...), where there is one;
    `transient` says whether another try may go better: only connection errors and timeouts are.
    """

    transient = False
    rung = "ping"

    def __init__(self, message: str, *, rung: str = "", code: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.rung = rung or type(self).rung
        self.code = code
        self.partial: Any = None
        """What had been observed before it broke (a `core.check.Outcome`), where the check keeps that."""


class Unreachable(CallError):
    """No connection could be made, or it was lost."""

    transient = True
    rung = "tcp"


class TimedOut(CallError):
    """No answer within the time that was given."""

    transient = True


class TlsFailed(CallError):
    """The encrypted channel could not be made."""

    rung = "tls"


class Denied(CallError):
    """The credentials were refused, or do not allow the operation."""

    rung = "authentication"


class Garbled(CallError):
    """What came back is not of the protocol."""


class TooLarge(CallError):
    """What came back is larger than the declaration allows."""

    rung = "read"


class Rejected(CallError):
    """The other side understood the request and said no."""

    rung = "read"
