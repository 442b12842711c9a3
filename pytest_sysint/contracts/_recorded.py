"""Snapshots as files: YAML in a stable order, so that a change of one reads as a change of what was promised."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_sysint.contracts._drift import Items
from pytest_sysint.core.errors import UsageError

VERSION = 1
_HEAD = """\
# What {id} ({type}) holds, as `sysint contract update` found it. It is compared by `contract: {{snapshot: ...}}`.
# Review a change of this file as you would review a change of code.
"""
_FORMAT = f"a snapshot begins with `sysint_snapshot: {VERSION}` and has a map of `sections`"
_HINT = "`sysint contract update` writes it anew"


def write_snapshot(path: Path, integration_id: str, type_name: str, sections: Mapping[str, Items]) -> None:
    """Write what is there, already without what snapshots leave out."""
    import yaml

    whole = {"sysint_snapshot": VERSION, "integration": integration_id, "type": type_name, "sections": dict(sections)}
    # What holds nothing but scalars stands in one line: a column, a key, an index.
    body = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, default_flow_style=None, width=1000)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_HEAD.format(id=integration_id, type=type_name) + body, encoding="utf-8")


def read_snapshot(path: Path) -> dict[str, Items]:
    """The sections of a snapshot.

    Raises:
        UsageError: when the file cannot be read as one; FileNotFoundError when there is none.

    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        whole: Any = loader(path.read_text(encoding="utf-8")).get_single_data()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UsageError(f"the snapshot {path.name} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"the snapshot {path.name} is no YAML{line}", hint=_HINT) from None
    whole = _plain(whole)
    if not isinstance(whole, dict) or not isinstance(whole.get("sections"), dict):
        raise UsageError(f"the snapshot {path.name} has no sections: {_FORMAT}", hint=_HINT)
    if whole.get("sysint_snapshot") != VERSION:
        said = whole.get("sysint_snapshot", "nothing")
        raise UsageError(f"the snapshot {path.name} is of version {said}: {_FORMAT}", hint=_HINT)
    found: dict[str, Items] = {}
    for name, items in whole["sections"].items():
        if not isinstance(items, dict) or not all(isinstance(item, dict) for item in items.values()):
            raise UsageError(f"the section '{name}' of the snapshot {path.name} is no map of maps", hint=_HINT)
        found[name] = items
    return found


def _plain(value: Any) -> Any:
    """As a description has it: YAML makes dates and numbers of what somebody wrote by hand without quotes."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, (str, bool, int, float)) else str(value)
