"""The docs are part of the product: every block of YAML loads, every word that a user can type is explained."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint import hookspecs, plugin
from pytest_sysint.declaration import load

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^(?P<indent>[ ]*)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)


def blocks(info: str) -> list[Any]:
    found = []
    for page in PAGES:
        text = page.read_text() if page.is_file() else ""
        for match in BLOCK.finditer(text):
            if match["info"].strip() == info:
                line = text.count("\n", 0, match.start()) + 1
                found.append(pytest.param(textwrap.dedent(match["text"]), id=f"{page.relative_to(ROOT)}:{line}"))
    return found


class Everything(dict[str, str]):
    """An environment in which each variable is set, but for the urls: what they name is provisioned."""

    def __missing__(self, name: str) -> str:
        if name.endswith("URL"):
            raise KeyError(name)
        return f"value-of-{name}"

    def __contains__(self, name: object) -> bool:
        return not str(name).endswith("URL")

    def get(self, name: str, default: Any = None) -> Any:
        return default if name.endswith("URL") else self[name]


@pytest.mark.parametrize("text", blocks("yaml"))
def test_each_declaration_in_the_docs_loads(text: str, tmp_path: Path) -> None:
    path = tmp_path / "sysint.yaml"
    path.write_text(text)
    for name in re.findall(r"\$\{file:([^}:]+)", text):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("value-of-file")
    for name in re.findall(r"include:\s*\[([^\]]+)\]", text):
        (tmp_path / name.strip()).parent.mkdir(parents=True, exist_ok=True)
    (declaration,) = load([path], env=Everything())
    assert declaration.integrations


def test_each_page_with_python_is_run() -> None:
    """By tests/session/test_docs_python.py; the walkthrough quotes the suite, which the demo runs."""
    assert {block.id.partition(":")[0] for block in blocks("python")} == {
        "docs/handwritten.md",
        "docs/hooks.md",
        "docs/reports.md",
        "docs/walkthrough.md",
    }


def test_there_are_examples() -> None:
    assert len(blocks("yaml")) >= 20


EVERYTHING_SAID = "\n".join(page.read_text() for page in PAGES if page.is_file())


@pytest.mark.parametrize("option", ["--sysint", *(f"--sysint-{name}" for name, *_ in plugin._OPTIONS)])
def test_each_option_is_explained(option: str) -> None:
    assert f"`{option}" in EVERYTHING_SAID


@pytest.mark.parametrize("hook", [name for name in vars(hookspecs) if name.startswith("pytest_sysint_")])
def test_each_hook_is_explained(hook: str) -> None:
    assert f"`{hook}" in EVERYTHING_SAID


@pytest.mark.parametrize("command", sorted(file.stem for file in (ROOT / "pytest_sysint/cli").glob("[!_]*.py")))
def test_each_command_is_explained(command: str) -> None:
    assert f"`sysint {command}" in EVERYTHING_SAID


def test_each_link_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text() if page.is_file() else ""):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page}: {target}"
