"""OpenAPI documents as they are: read, looked through for what would be fetched from elsewhere, and listed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from pytest_sysint.contracts._fetched import is_url
from pytest_sysint.contracts._generated.source import Listed, Source, fetched_text
from pytest_sysint.core.check import Context
from pytest_sysint.core.errors import Mistake, Mistakes, Rejected
from pytest_sysint.core.records import Effect
from pytest_sysint.core.secrets import learn_url, redact
from pytest_sysint.declaration.documents import find_document

METHODS = ("get", "head", "options", "trace", "post", "put", "patch", "delete")
_READS = frozenset({"get", "head", "options", "trace"})
_VERSION = re.compile(r"3\.[012]\.\d+(-.+)?")
_HTTP = re.compile(r"https?://", re.IGNORECASE)
_VALUES = frozenset({"example", "default", "const", "enum"})
"""Keys under which a `$ref` is part of a value."""
_PLAIN_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")


class _Loader(yaml.CSafeLoader):
    """YAML as JSON has it: no dates, and `on`, `off`, `yes` and `no` are words."""


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")]
    for first, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", _PLAIN_BOOL, list("tTfF"))


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was read."""

    raw: dict[str, Any]
    path: Path | None = None
    """Where it lies; None when it came from the API."""
    operations: tuple[Listed, ...] = field(default=())


def effect_of(method: str) -> Effect:
    """What a request by this method does to the other side."""
    return "read" if method in _READS else "destructive" if method == "delete" else "write"


def parse(text: str) -> Any:
    """JSON or YAML as plain JSON values.

    Raises:
        ValueError: when it is neither, with the place where it breaks.

    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return _text_keys(_Loader(text).get_single_data())
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ValueError(f"neither JSON nor YAML{where}: {getattr(error, 'problem', None) or error}") from None


def read_file(path: Path) -> Document:
    """A document from a file, looked through with all the files that it refers to.

    Raises:
        Mistakes: when it is no OpenAPI document, or refers to what is not there or not on this machine.

    """
    raw = _parsed_file(path)
    try:
        document = listed(raw, path)
    except ValueError as error:
        raise Mistakes(Mistake((), f"'{path.name}' {error}")) from None
    _look_through(raw, path, {path: raw})
    return document


def source_of(where: str, folder: Path, make: Callable[[Document], Any]) -> Source[Document]:
    """A document by a path beside the declaration, a url, or a path of the API that begins with a slash.

    Raises:
        Mistakes: when the file is not there, or is no document that can be tested.

    """
    learn_url(where)
    live = is_url(where) or (where.startswith("/") and not Path(where).is_file())
    document = None if live else read_file(find_document(where, folder))
    return Source(where, document, lambda context: _fetch(context, where), make)


def _fetch(context: Context, where: str) -> Document:
    text, shown = fetched_text(context, where), redact(where)
    try:
        found = listed(parse(text))
    except ValueError as error:
        raise Rejected(f"the document {shown} {_sentence(str(error))}") from None
    for reference in _lost_references(found.raw):
        raise Rejected(f"the document {shown} refers to {reference}, which is not there")
    for reference in _far_references(found.raw):
        said = f"the document {shown} refers to {reference}; nothing is fetched from hosts that no declaration names"
        raise Rejected(said, hint="bundle it into one file, and name that")
    return found


def _sentence(text: str) -> str:
    return text if text.startswith(("is ", "has ")) else f"is {text}"


def listed(raw: Any, path: Path | None = None) -> Document:
    """What a parsed document holds.

    Raises:
        ValueError: when it is no OpenAPI document that can be tested, with the end of a sentence that says why.

    """
    if not isinstance(raw, dict):
        raise ValueError("is not an OpenAPI document: it holds no map")
    version = raw.get("openapi", raw.get("swagger"))
    if version is None:
        raise ValueError("is not an OpenAPI document: it has neither 'openapi' nor 'swagger'")
    if not (_VERSION.fullmatch(str(version)) if "openapi" in raw else str(version) == "2.0"):
        raise ValueError(f"is OpenAPI {version}; 2.0 (Swagger), 3.0, 3.1 and 3.2 can be read")
    operations = tuple(_operations(raw, path))
    if not operations:
        raise ValueError("has no operations under 'paths'")
    return Document(without_far_examples(raw), path, operations)


def without_far_examples(part: Any) -> Any:
    """The same without `externalValue`: an example that would be fetched from wherever it says."""
    if isinstance(part, dict):
        return {key: without_far_examples(value) for key, value in part.items() if key != "externalValue"}
    return [without_far_examples(item) for item in part] if isinstance(part, list) else part


def _far_references(part: Any) -> Iterator[str]:
    """What a document refers to by http: it would have to be fetched."""
    return (ref for ref in _references(part) if _HTTP.match(ref))


def parameter_names(raw: Any) -> set[str] | None:
    """The names of all parameters; None when some may stand in other files."""
    if any(not reference.startswith("#") for reference in _references(raw)):
        return None
    return set(_named(raw))


def base_path(raw: Mapping[str, Any]) -> str:
    """The path of the first server that the document names: where its paths begin. Empty for the root."""
    if "swagger" in raw:
        return str(raw.get("basePath") or "").rstrip("/")
    servers = raw.get("servers")
    first = servers[0] if isinstance(servers, list) and servers and isinstance(servers[0], Mapping) else {}
    url = str(first.get("url") or "")
    for name, variable in (first.get("variables") or {}).items():
        url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
    return urlsplit(url).path.rstrip("/")


def _operations(raw: Mapping[str, Any], path: Path | None) -> Iterator[Listed]:
    paths = raw.get("paths") or {}
    if not isinstance(paths, dict):
        raise ValueError("is not an OpenAPI document: its 'paths' is no map")
    for each, item in paths.items():
        held = _followed(item, raw, path)
        for method, operation in held.items():
            if method in METHODS and isinstance(operation, dict):
                label = f"{method.upper()} {each}"
                names = [label, each, operation.get("operationId"), *(operation.get("tags") or ())]
                yield Listed(label, effect_of(method), tuple(str(name) for name in names if name), each)


def _followed(item: Any, raw: Mapping[str, Any], path: Path | None) -> Mapping[str, Any]:
    """A path item, also where it stands elsewhere; nothing when that cannot be read: schemathesis says why."""
    reference = item.get("$ref") if isinstance(item, dict) else None
    if not isinstance(reference, str):
        return item if isinstance(item, dict) else {}
    name, _, pointer = reference.partition("#")
    if name and path is None:
        return {}
    try:
        found: Any = parse((path.parent / unquote(name)).read_text("utf-8")) if name and path else raw
        found = _followed_pointer(found, pointer)
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _parsed_file(path: Path) -> Any:
    try:
        return parse(path.read_text("utf-8-sig"))
    except OSError as error:
        raise Mistakes(
            Mistake((), f"'{path}' cannot be read: {(error.strerror or 'it is not there').lower()}")
        ) from None
    except ValueError as error:
        raise Mistakes(Mistake((), f"'{path.name}' is {error}")) from None


def _look_through(part: Any, path: Path, known: dict[Path, Any]) -> None:
    """Refuse what leads nowhere or elsewhere, in the document and in every file that it refers to."""
    for reference in dict.fromkeys(_references(part)):
        if _HTTP.match(reference):
            said = f"'{path.name}' refers to {reference}, and nothing is fetched from hosts that no declaration names"
            raise Mistakes(Mistake((), f"{said}: bundle the document into one, or put that file beside it"))
        name, _, pointer = reference.partition("#")
        other = (path.parent / unquote(name)).resolve() if name and "://" not in name else path
        if other not in known:
            if not other.is_file():
                raise Mistakes(Mistake((), f"'{path.name}' refers to {reference}, and there is no such file"))
            known[other] = without_far_examples(_parsed_file(other))
            _look_through(known[other], other, known)
        if not _is_there(known[other], pointer):
            raise Mistakes(Mistake((), f"'{path.name}' refers to {reference}, which is not there"))


def _lost_references(raw: Any) -> Iterator[str]:
    """What a document refers to within itself and does not hold."""
    found = (each for each in _references(raw) if each.startswith("#"))
    return (each for each in found if not _is_there(raw, each[1:]))


def _is_there(part: Any, pointer: str) -> bool:
    """Whether a JSON pointer leads somewhere; a name without a slash is an anchor, which is looked for by others."""
    if not pointer.startswith("/"):
        return True
    try:
        _followed_pointer(part, pointer)
    except (LookupError, TypeError, ValueError):
        return False
    return True


def _followed_pointer(part: Any, pointer: str) -> Any:
    for step in pointer.strip("/").split("/") if pointer.strip("/") else ():
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        part = part[int(name)] if isinstance(part, list) else part[name]
    return part


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        reference = part.get("$ref")
        if isinstance(reference, str):
            yield reference
        for key, value in part.items():
            if key not in _VALUES:
                yield from _references(value)
    elif isinstance(part, list):
        for item in part:
            yield from _references(item)


def _named(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("name"), str) and isinstance(part.get("in"), str):
            yield part["name"]
        for value in part.values():
            yield from _named(value)
    elif isinstance(part, list):
        for item in part:
            yield from _named(item)


def _text_keys(part: Any) -> Any:
    if isinstance(part, dict):
        return {str(key): _text_keys(value) for key, value in part.items()}
    return [_text_keys(item) for item in part] if isinstance(part, list) else part
