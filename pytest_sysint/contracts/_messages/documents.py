"""Documents in YAML or JSON as plain JSON values: a date in an example stays the text that it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from pytest_sysint.core.errors import Mistake, Mistakes


class _Loader(yaml.SafeLoader):
    """YAML as JSON knows it."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse(text: str) -> Any:
    """The value of a text in JSON or YAML.

    Raises:
        ValueError: when it is neither, with the line.

    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return _with_texts_as_keys(yaml.load(text, _Loader))  # noqa: S506 - a SafeLoader that knows less
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark else ""
        raise ValueError(f"neither JSON nor YAML{at}: {getattr(error, 'problem', None) or error}") from None


def _with_texts_as_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _with_texts_as_keys(item) for key, item in value.items()}
    return [_with_texts_as_keys(item) for item in value] if isinstance(value, list) else value


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        Mistakes: when it cannot be read.

    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Mistakes(Mistake((), f"'{path.name}' cannot be read: {error.strerror}")) from None
    except UnicodeDecodeError:
        raise Mistakes(Mistake((), f"'{path.name}' is no text in UTF-8")) from None


def read_document(path: Path) -> Any:
    """The value of a file in JSON or YAML.

    Raises:
        Mistakes: when it cannot be read, or is neither.

    """
    try:
        return parse(read_text(path))
    except ValueError as error:
        raise Mistakes(Mistake((), f"'{path.name}' is {error}")) from None
