"""Shell commands that show by hand what we saw. `$RABBITMQ_PASSWORD` stands where the password must be put in."""

from __future__ import annotations

import shlex
from typing import Any
from urllib.parse import urlsplit

_CONNECT = "pika.BlockingConnection(pika.URLParameters(os.environ['AMQP_URL']))"


def amqp(integration: Any, program: str, *words: str) -> str:
    """A command of amqp-tools."""
    return " ".join([program, f"--url={integration.access.shell_url}", *(word for word in words if word)])


def connect(integration: Any) -> str:
    """Opens a connection."""
    return _python(integration, f"print({_CONNECT})")


def peek(integration: Any, queue: str, count: int) -> str:
    """Looks at the head of a queue. What `rabbitmqadmin get` gives back goes to the end of a quorum queue; what a
    connection leaves behind goes back to where it stood.
    """
    script = f"get = {_CONNECT}.channel().basic_get; print(*(get({queue!r}) for _ in range({count})), sep=chr(10))"
    return _python(integration, script)


def rabbitmqadmin(integration: Any, words: str) -> str:
    """A command for the management API; empty when that is not declared."""
    access, management = integration.access, integration.settings.management_url
    if not management:
        return ""
    url = urlsplit(management)
    where = f"-H {url.hostname} -P {url.port or (443 if url.scheme == 'https' else 80)}"
    where += " --ssl" if url.scheme == "https" else ""
    who = f'-V {shlex.quote(access.vhost)} -u {shlex.quote(access.username)} -p "$RABBITMQ_PASSWORD"'
    return f"rabbitmqadmin {where} {who} {words}"


def _python(integration: Any, script: str) -> str:
    return f"AMQP_URL={integration.access.shell_url} python -c {shlex.quote(f'import os, pika; {script}')}"
