"""Documents at a url that is not the integration's own: asked for without its credentials, when a check needs them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pytest_sysint.core.errors import TimedOut, TooLarge, Unreachable
from pytest_sysint.core.integration import Observation, Operation
from pytest_sysint.core.secrets import redact
from pytest_sysint.core.units import show

if TYPE_CHECKING:
    import httpx

_LARGEST = 64 * 1024 * 1024


class Fetched(Operation):
    """A document at a url; its bytes are the payload, `status` the fact."""

    fetched: str
    """The url."""
    accept: str = "*/*"
    """What kinds of document are understood."""

    def perform(self, integration: Any, timeout: float) -> Observation:
        import httpx

        where, ends = redact(self.fetched), time.monotonic() + timeout
        try:
            with httpx.stream(
                "GET", self.fetched, timeout=timeout, trust_env=False, headers={"accept": self.accept}
            ) as answer:
                return Observation(_body(answer, where, ends), {"status": answer.status_code})
        except (httpx.TimeoutException, TimeoutError):
            raise TimedOut(f"{where} was not there within {timeout:g}s", rung="read") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"{where} cannot be read: {redact(str(error))}", rung="read") from None


def is_url(where: str) -> bool:
    """Whether a document is named by a url."""
    return where.lower().startswith(("http://", "https://"))


def _body(answer: httpx.Response, where: str, ends: float) -> bytes:
    """All of it, within the time: the timeout of httpx is that of each piece."""
    found = bytearray()
    for piece in answer.iter_bytes():
        found += piece
        if len(found) > _LARGEST:
            raise TooLarge(f"{where} is larger than {show(_LARGEST, 'size')}: that is no document")
        if time.monotonic() > ends:
            raise TimeoutError
    return bytes(found)
