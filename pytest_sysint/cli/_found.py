"""What a project already says about its integrations: the services of its compose file, the names in its `.env`.

Values are looked at for their scheme only and never leave this module: they may be secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pytest_sysint.core.errors import UsageError
from pytest_sysint.core.provisioning import Container
from pytest_sysint.core.registry import types
from pytest_sysint.declaration.resolving import bare
from pytest_sysint.declaration.yaml_nodes import YamlProblem, parse

COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
ENV_FILES = (".env", ".env.example", ".env.sample", ".env.template")

_GENERIC_SCHEMES = frozenset({"http", "https", "unix", "file", "tcp"})
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$")
_NAMES_A_URL = re.compile(r"_(URL|URI|DSN)$")


@dataclass(frozen=True, slots=True)
class Found:
    """One integration that a project seems to have."""

    id: str
    type: str
    variable: str
    """The environment variable that holds its url."""
    origin: str
    """Where it was found, for a comment."""
    image: str = ""
    url: str = ""
    """Where the compose file publishes it, without credentials."""
    depends_on: tuple[str, ...] = ()


def slug(text: str) -> str:
    """A name that may be an id."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-") or "service"


def look(folder: Path) -> tuple[list[Found], list[str]]:
    """What the files of a folder say, and remarks on what could not be made use of."""
    variables = _variables(folder)
    services, remarks = _services(folder)
    found: dict[str, Found] = {}
    for name, service in services.items():
        one = _from_service(name, service, services.keys(), variables)
        if one is None:
            remarks.append(f"service '{_plain(name)}' of the compose file was not recognised: declare it by hand")
        else:
            found[one.id] = one
    used = {one.variable for one in found.values()}
    for variable, type_name in variables.items():
        identity = slug(_NAMES_A_URL.sub("", variable))
        if type_name and variable not in used and identity not in found:
            found[identity] = Found(identity, type_name, variable, "an .env file")
    known = found.keys()
    return [_without_unknown(one, known) for one in found.values()], remarks


def _without_unknown(one: Found, known: Iterable[str]) -> Found:
    kept = tuple(name for name in one.depends_on if name in known and name != one.id)
    return Found(one.id, one.type, one.variable, one.origin, one.image, one.url, kept)


def _variables(folder: Path) -> dict[str, str]:
    """Variables that hold a url by their name -> the type that its scheme tells, or an empty text."""
    found: dict[str, str] = {}
    for name in ENV_FILES:
        path = folder / name
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
        for line in lines:
            assigned = _ASSIGNMENT.match(line)
            if assigned and _NAMES_A_URL.search(assigned[1].upper()):
                scheme = assigned[2].strip("'\" ").partition("://")[0]
                found.setdefault(assigned[1], _type_of_scheme(scheme))
    return found


def _type_of_scheme(scheme: str) -> str:
    scheme = scheme.partition("+")[0].lower()
    if scheme in ("http", "https"):
        return "rest"
    fitting = [word for word, words in _words().items() if scheme in words]
    return fitting[0] if fitting else ""


@cache
def _words() -> dict[str, set[str]]:
    """Type -> the words that tell it: its name, its schemes, the images that it runs in."""
    told: dict[str, set[str]] = {}
    for word in types().names():
        try:
            cls = types().get(word)
        except (ImportError, UsageError):
            continue
        images = {_image_name(recipe.image) for recipe in cls.recipes if isinstance(recipe, Container)}
        told[word] = ({word, *cls.settings_model.schemes, *cls.images} | images) - _GENERIC_SCHEMES
    return told


def _services(folder: Path) -> tuple[dict[str, Mapping[str, Any]], list[str]]:
    path = next((folder / name for name in COMPOSE_FILES if (folder / name).is_file()), None)
    if path is None:
        return {}, []
    try:
        document = bare(parse(path.read_bytes()))
    except YamlProblem as problem:
        return {}, [f"{path.name} could not be read and was left out (line {problem.line}: {problem.message})"]
    services = document.get("services") if isinstance(document, dict) else None
    if not isinstance(services, dict):
        return {}, [f"{path.name} has no services"]
    return {name: service for name, service in services.items() if isinstance(service, dict)}, []


def _from_service(
    name: str, service: Mapping[str, Any], names: Iterable[str], variables: Mapping[str, str]
) -> Found | None:
    image = service.get("image") if isinstance(service.get("image"), str) else ""
    type_name = _type_of_image(str(image)) if image and "build" not in service else ""
    port = next(_published(service.get("ports")), "")
    if not type_name:
        if "build" not in service or not port or "service" not in types():
            return None
        type_name, image = "service", ""
    return Found(
        id=slug(name),
        type=type_name,
        variable=_variable_for(name, type_name, variables),
        origin=f"service '{_plain(name)}' of the compose file",
        image="" if "$" in str(image) or not _runs_in_container(type_name) else str(image),
        url=f"{_scheme(type_name)}://localhost:{port}" if port else "",
        depends_on=tuple(slug(other) for other in _names_in(service.get("depends_on")) if other in names),
    )


def _plain(text: str) -> str:
    return re.sub(r"[^\w.\- ]+", "?", text)[:60]


def _image_name(image: str) -> str:
    """`docker.io/bitnami/kafka:3.7@sha256:...` -> `kafka`."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0].lower()


def _type_of_image(image: str) -> str:
    name = _image_name(image)
    parts = set(re.split(r"[-_.]", name)) | {name}
    fitting = [word for word, words in _words().items() if parts & words]
    return fitting[0] if fitting else ""


def _runs_in_container(type_name: str) -> bool:
    return any(isinstance(recipe, Container) for recipe in types().get(type_name).recipes)


def _scheme(type_name: str) -> str:
    schemes = types().get(type_name).settings_model.schemes
    return "http" if not schemes or "http" in schemes else str(schemes[0])


def _published(ports: Any) -> Iterator[str]:
    """The published ports of a service, in either of compose's notations."""
    for entry in ports if isinstance(ports, list) else ():
        if isinstance(entry, dict):
            published = str(entry.get("published", ""))
        else:
            parts = str(entry).partition("/")[0].split(":")
            published = parts[-2] if len(parts) > 1 else ""
        if published.isdigit():
            yield published


def _names_in(value: Any) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, (list, dict)) else []


def _variable_for(name: str, type_name: str, variables: Mapping[str, str]) -> str:
    """The variable of an `.env` file that fits by its name, else the only one of that type, else a new one."""
    wanted = f"{slug(name).replace('-', '_').upper()}_URL"
    if wanted in variables:
        return wanted
    same = [variable for variable, each in variables.items() if each == type_name]
    return same[0] if len(same) == 1 else wanted if wanted[0].isalpha() else f"X{wanted}"
