"""Where pacts come from: files and folders when the declaration is read, a url when they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pytest_sysint.contracts._fetched import Fetched, is_url
from pytest_sysint.contracts._pact.documents import Interaction, NoPact, read_file, read_text
from pytest_sysint.contracts._pact.hooks import Relayed
from pytest_sysint.contracts._placeholders import path_of
from pytest_sysint.core.check import Context
from pytest_sysint.core.errors import Mistake, Mistakes, Rejected, did_you_mean
from pytest_sysint.core.integration import Operation
from pytest_sysint.core.secrets import learn_url, redact
from pytest_sysint.declaration.documents import find_document


@dataclass(frozen=True, slots=True)
class Remote:
    """A pact at a url."""

    url: str

    @property
    def shown(self) -> str:
        """The url as it may be seen."""
        return redact(self.url)

    def read(self, context: Context) -> tuple[Interaction, ...]:
        """Fetch it, and read its interactions.

        Raises:
            CallError: when it cannot be fetched, or is no pact.

        """
        answer = context.perform(self._operation(str(context.integration.settings.url)))
        status = answer.facts.get("status")
        if status != 200:
            hint = "check the url, and the user and password in it"
            raise Rejected(f"the pact {self.shown} was answered with {status}", code=str(status), hint=hint)
        try:
            return read_text(bytes(answer.payload or b"").decode("utf-8-sig", "replace"), f"the pact {self.shown}")
        except NoPact as error:
            raise Rejected(str(error)) from None

    def _operation(self, url: str) -> Operation:
        prefix = urlsplit(url).path.rstrip("/")
        if urlsplit(self.url).path.startswith(f"{prefix}/") and not urlsplit(self.url).username:
            try:
                return Relayed(relayed="GET", path=path_of(self.url, url))
            except ValueError:
                pass
        return Fetched(fetched=self.url, accept="application/hal+json, */*")


def read_places(
    places: Iterable[str], folder: Path, provider: str
) -> tuple[tuple[Interaction, ...], tuple[Remote, ...]]:
    """The interactions of files and folders, and the pacts that are fetched later.

    Raises:
        Mistakes: for what is not there or no pact, and for pacts of several providers when none is named.

    """
    found: list[Interaction] = []
    remote: list[Remote] = []
    for where in places:
        if is_url(where):
            learn_url(where)
            remote.append(Remote(where))
            continue
        for path in _files(where, folder):
            try:
                found += read_file(path)
            except NoPact as error:
                raise Mistakes(Mistake((), str(error))) from None
    return tuple(_of_provider(found, provider)), tuple(remote)


def _files(where: str, folder: Path) -> Iterator[Path]:
    for path in (folder / where, Path(where)):
        if path.is_dir():
            files = sorted(path.glob("**/*.json"))
            if not files:
                raise Mistakes(Mistake((), f"the folder '{where}' has no pact: no file ends with .json"))
            yield from files
            return
    yield find_document(where, folder)


def _of_provider(found: list[Interaction], provider: str) -> list[Interaction]:
    names = sorted({each.provider for each in found})
    if not provider:
        if len(names) > 1:
            said = f"the pacts are of several providers ({', '.join(names)}): say which one this is by `provider`"
            raise Mistakes(Mistake((), said))
        return found
    own = [each for each in found if each.provider == provider]
    if found and not own:
        raise Mistakes(Mistake((), f"no pact is of the provider '{provider}'{did_you_mean(provider, names)}"))
    return own
