"""Making a good record a bad one: `malformed: {set: {$.nhsNumber: "123"}}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_sysint.checks._flows.keys import MalformedKeys
from pytest_sysint.checks._flows.places import plain_steps, put, remove
from pytest_sysint.checks._flows.steps import BODY, CONTENTS
from pytest_sysint.core.errors import Mistake, Mistakes


def spoil(good: Mapping[str, Any], keys: MalformedKeys, rest: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the operation that sends a malformed record: the good ones, with what is said to be different.

    Raises:
        Mistakes: when a path leads nowhere, or nothing is different.

    """
    raw = {**good, **rest}
    if any(key in rest for key in CONTENTS):
        raw = {key: value for key, value in raw.items() if key in rest or key not in CONTENTS}
    if (keys.set or keys.remove) and BODY not in raw:
        raise Mistakes(Mistake(("set" if keys.set else "remove",), "there is no `json:` to change"))
    for name, written in [*(("set", path) for path in keys.set), *(("remove", path) for path in keys.remove)]:
        steps = plain_steps(written) if written.startswith("$") else None
        if not steps:
            raise Mistakes(Mistake((name,), f"'{written}' is no path to one place in the body"))
        try:
            raw[BODY] = put(raw[BODY], steps, keys.set[written]) if name == "set" else remove(raw[BODY], steps)
        except LookupError:
            raise Mistakes(Mistake((name,), f"'{written}' leads nowhere in the body that is sent")) from None
    if raw == good:
        raise Mistakes(Mistake((), "is no different from the others: say what is wrong by `set`, `remove` or `text`"))
    return raw
