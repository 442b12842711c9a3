"""The test of the architecture: each type, kind, way and format is one file with its test and its docs page."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from pytest_sysint.core import registry
from pytest_sysint.core.check import CHECK_KEYS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pytest_sysint"
DOCS = {
    "integrations": "types",
    "checks": "kinds",
    "contracts": "contracts",
    "provision": "provision",
    "reports": "formats",
}
ROOMS = {
    "integrations": registry.types,
    "checks": registry.kinds,
    "contracts": registry.contract_forms,
    "provision": registry.ways,
    "reports": registry.formats,
}
ENTRIES = [(folder, file.stem) for folder in ROOMS for file in sorted((PACKAGE / folder).glob("[!_]*.py"))]


@pytest.mark.parametrize(("folder", "name"), ENTRIES)
def test_each_has_a_test_and_a_docs_page_and_can_be_loaded(folder: str, name: str) -> None:
    assert list((ROOT / "tests" / folder).glob(f"test_{name}*.py")), f"tests/{folder}/test_{name}.py is missing"
    page = ROOT / "docs" / DOCS[folder] / f"{name}.md"
    assert page.is_file(), f"{page} is missing"
    assert page.read_text().startswith("# ")
    assert name in ROOMS[folder]().names()
    assert ROOMS[folder]().get(name) is not None


@pytest.mark.parametrize("name", [name for folder, name in ENTRIES if folder == "integrations"])
def test_each_type_has_its_extra_and_describes_its_settings(name: str) -> None:
    cls = registry.types().get(name)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    core = {"httpx"}
    assert name in extras or cls.driver in {"", *core}, f"[project.optional-dependencies] has no '{name}'"
    if name in extras:
        assert name in extras["all"][0]
    for model in (cls.settings_model, *cls.operations):
        for field, info in model.model_fields.items():
            assert info.description, f"{model.__name__}.{field} has no description"
    for operation in cls.operations:
        assert not CHECK_KEYS & set(operation.model_fields), operation
    keys = [operation.key() for operation in cls.operations]
    assert len(keys) == len(set(keys))


def imports_of(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize(("folder", "name"), ENTRIES)
def test_none_imports_another_of_its_room(folder: str, name: str) -> None:
    others = {f"pytest_sysint.{folder}.{other}" for room, other in ENTRIES if room == folder and other != name}
    assert not imports_of(PACKAGE / folder / f"{name}.py") & others


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_public_pytest_api_only(file: Path) -> None:
    private = {name for name in imports_of(file) if name == "_pytest" or name.startswith("_pytest.")}
    assert not private, f"{file} imports {private}"


def test_nobody_but_the_registry_lists_the_types() -> None:
    """A list of type names anywhere else would be a second place to register."""
    names = {name for folder, name in ENTRIES if folder == "integrations"}
    for file in PACKAGE.rglob("*.py"):
        if file.parent.name == "integrations":
            continue
        words = {node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)}
        found = names & {word for word in words if isinstance(word, str)} - {"local", "service", "rest", "sql"}
        assert len(found) < 3, f"{file} names {sorted(found)}"
