"""A type of another package: one file and an entry point, nothing else."""

from __future__ import annotations

from typing import Any

TYPE = """
from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import Field

from pytest_sysint.core.errors import Unreachable
from pytest_sysint.core.integration import Integration, Observation, Operation, Rung, Settings, Stopwatch


class NotebookSettings(Settings):
    schemes = ("notebook",)
    owner_name: str = Field("nobody", description="Whose notebook it is.")


class Page(Operation):
    page: str = Field(description="Which page to read.")

    def perform(self, integration: Any, timeout: float) -> Observation:
        watch = Stopwatch()
        text = integration.read(self.page)
        return Observation({"text": text}, {"length": len(text)}, watch.phases())


class Notebook(Integration[NotebookSettings]):
    category = "file_system"
    settings_model = NotebookSettings
    operations = (Page,)

    @property
    def client(self) -> Path:
        return Path(self.settings.url.removeprefix("notebook://"))

    def rungs(self) -> Iterable[Rung]:
        yield Rung("read", self.count)

    def count(self, timeout: float) -> str:
        if not self.client.is_dir():
            raise Unreachable(f"{self.client} is not there")
        return f"{len(list(self.client.iterdir()))} pages"

    def read(self, page: str) -> str:
        if page == "old":
            warnings.warn("notebooks are old", DeprecationWarning, stacklevel=1)
        return (self.client / page).read_text()


TYPE = Notebook
"""


def install(project: Any) -> None:
    package = project.path / "site" / "notebooks"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "notebook.py").write_text(TYPE)
    info = project.path / "site" / "notebooks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: notebooks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pytest_sysint.integrations]\nnotebook = notebooks.notebook\n")
    project.pytester.syspathinsert(project.path / "site")
    project.monkeypatch.setenv("PYTHONPATH", str(project.path / "site"))


def test_a_third_party_type_needs_one_file_and_an_entry_point(project: Any) -> None:
    install(project)
    (project.path / "notes").mkdir()
    (project.path / "notes" / "one").write_text("hello")
    project.declare(
        f"""sysint: 1
integrations:
  notes:
    type: notebook
    url: notebook://{project.path}/notes
    owner_name: ann
    health:
      - {{name: first page, page: one, expect: {{$.text: hello, length: 5}}}}
      - {{name: wrong page, page: one, expect: {{$.text: goodbye}}}}
"""
    )
    project.pytester.makepyfile("def test_own(notebook_integration): assert notebook_integration.client.is_dir()\n")
    result = project.run()
    result.assert_outcomes(passed=3, failed=1)
    assert project.statuses()["notes::health::wrong-page"] == "failed"
    mistaken = project.path / "sysint.yaml"
    mistaken.write_text(mistaken.read_text().replace("owner_name", "owner_nmae"))
    assert "did you mean 'owner_name'" in project.run().stdout.str()


def test_a_warning_of_a_library_fails_no_check(project: Any) -> None:
    install(project)
    (project.path / "notes").mkdir()
    (project.path / "notes" / "old").write_text("hello")
    project.pytester.makeini("[pytest]\nfilterwarnings = error")
    project.declare(
        f"""sysint: 1
integrations:
  notes:
    type: notebook
    url: notebook://{project.path}/notes
    health: [{{name: old page, page: old, expect: {{$.text: hello}}}}]
"""
    )
    result = project.run()
    result.assert_outcomes(passed=2, warnings=1)
    assert "notebooks are old" in result.stdout.str()
