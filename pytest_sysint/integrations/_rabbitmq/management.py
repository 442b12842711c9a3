"""The management API: what AMQP itself does not tell."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx

from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected, TimedOut
from pytest_sysint.core.secrets import learn_url, redact
from pytest_sysint.integrations._messages import Deadline
from pytest_sysint.integrations._net import translate_os_error
from pytest_sysint.integrations._rabbitmq.settings import Access, Settings
from pytest_sysint.integrations._tls import context_for

_STATUS: dict[int, tuple[type[CallError], str]] = {
    401: (Denied, "check user and password, and give the user the tag `monitoring` or `management`"),
    403: (Denied, "give the user the tag `monitoring` or `management`"),
    404: (Rejected, "check the name and the vhost for a slip"),
}


def queue_details(settings: Settings, access: Access, name: str, deadline: Deadline) -> dict[str, Any]:
    """What the management API says of a queue.

    Raises:
        CallError: when it is not declared, does not answer, or refuses.

    """
    found = managed(settings, access, f"queues/{{vhost}}/{quote(name, safe='')}", deadline, f"the queue '{name}'")
    if not isinstance(found, dict):
        raise _garbled(settings.management_url)
    return found


def managed(settings: Settings, access: Access, path: str, deadline: Deadline, asked: str = "") -> Any:
    """What the management API says at a path, in which `{vhost}` stands for ours: a map, or a list of maps.

    Raises:
        CallError: when it is not declared, does not answer, or refuses.

    """
    if not settings.management_url:
        raise Rejected(
            "AMQP does not tell this; only the management API does",
            hint="enable the plugin `rabbitmq_management` and declare `management_url: http://host:15672`",
        )
    learn_url(settings.management_url)
    where = path.replace("{vhost}", quote(access.vhost, safe=""))
    url = f"{settings.management_url.rstrip('/')}/api/{where}"
    answer = _get(url, settings, access, deadline)
    if answer.status_code != httpx.codes.OK:
        kind, hint = _STATUS.get(answer.status_code, (Rejected, "see the broker's log"))
        code = str(answer.status_code)
        raise kind(f"the management API answered {code} for {asked or where}", code=code, hint=hint)
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, (dict, list)):
        raise _garbled(url)
    return found


def _garbled(url: str) -> Garbled:
    hint = "is `management_url` the management API of RabbitMQ?"
    return Garbled(f"{redact(url)} answered something else than JSON", rung="read", hint=hint)


def _get(url: str, settings: Settings, access: Access, deadline: Deadline) -> httpx.Response:
    where = httpx.URL(url).netloc.decode()
    verify = context_for(settings.tls) if url.startswith("https:") else False
    try:
        return httpx.get(
            url,
            auth=(access.username, access.password),
            timeout=max(deadline.left, 0.05),
            verify=verify,
            trust_env=False,
        )
    except httpx.TimeoutException:
        hint = "the management API hangs or is overloaded"
        raise TimedOut(f"{where} gave no answer within {deadline}", rung="read", hint=hint) from None
    except httpx.HTTPError as error:
        raise translate_os_error(error, where) from None
