"""Documents at a url: asked for when a check runs, and nothing that they refer to elsewhere."""

from __future__ import annotations

from pytest_sysint.contracts._asyncapi.located import Documents
from pytest_sysint.contracts._messages.documents import parse
from pytest_sysint.core.check import Context
from pytest_sysint.core.errors import Garbled, Rejected, TimedOut, Unreachable
from pytest_sysint.core.integration import Stopwatch, exchange
from pytest_sysint.core.secrets import redact


def is_url(where: str) -> bool:
    """Whether a document is named by a url."""
    return where.lower().startswith(("http://", "https://"))


def fetched(url: str, context: Context) -> Documents:
    """The document at a url.

    Raises:
        CallError: when it cannot be had, or is neither YAML nor JSON.

    """
    import httpx

    where, watch = redact(url), Stopwatch()
    try:
        answer = httpx.get(url, timeout=context.timeout, trust_env=False)
    except httpx.TimeoutException:
        raise TimedOut(f"{where} gave no answer in time", rung="read") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"{where} cannot be read: {redact(str(error))}") from None
    context.note(exchange(f"GET {where}", "", answer.text, watch))
    if answer.status_code != httpx.codes.OK:
        hint = "check the url of the document"
        raise Rejected(f"the document {where} was answered with {answer.status_code}", hint=hint)
    try:
        return Documents(where, parse(answer.text), None)
    except ValueError as error:
        raise Garbled(f"the document {where} is {error}", rung="read") from None
