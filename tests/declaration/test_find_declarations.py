"""Which files are declarations."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_sysint.declaration import find_declarations

FILES = (
    "sysint.yaml", "a/sysint.yml", "a/orders.sysint.yaml", "a/other.yaml", "a/sysint.yaml.bak", "b/c/x.sysint.yml",
    ".hidden/sysint.yaml", "node_modules/m/sysint.yaml", "env1/pyvenv.cfg", "env1/sysint.yaml", "venv/sysint.yaml",
    "lib/site-packages/p/sysint.yaml", "test_x.py",
)  # fmt: skip


@pytest.fixture(autouse=True)
def tree(tmp_path: Path) -> None:
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(root: Path, *names: str) -> list[str]:
    return [str(path.relative_to(root)) for path in find_declarations([root / name for name in names], root)]


def test_below_a_folder(tmp_path: Path) -> None:
    assert found(tmp_path, ".") == ["sysint.yaml", "a/orders.sysint.yaml", "a/sysint.yml", "b/c/x.sysint.yml"]


def test_without_paths_below_the_root(tmp_path: Path) -> None:
    assert found(tmp_path) == found(tmp_path, ".")


def test_a_named_file_may_have_any_name(tmp_path: Path) -> None:
    assert found(tmp_path, "a/other.yaml", "test_x.py", "nope.yaml") == ["a/other.yaml"]


def test_each_is_found_once(tmp_path: Path) -> None:
    assert found(tmp_path, "a", "a/sysint.yml", "a") == ["a/orders.sysint.yaml", "a/sysint.yml"]


def test_links_between_folders_do_not_go_in_circles(tmp_path: Path) -> None:
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert len(found(tmp_path, ".")) == 4
