"""What the forms share whose requests are made from a document: how they are read, and the checks of its operations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from pytest_sysint.contracts._check import contract_check, slugs_of
from pytest_sysint.contracts._form import Type
from pytest_sysint.contracts._generated.loading import running
from pytest_sysint.contracts._generated.options import Options, read_options, require_library
from pytest_sysint.contracts._generated.source import Lists, Source
from pytest_sysint.contracts._generated.turns import WAITING, own_turn
from pytest_sysint.core.check import Check, Context, Outcome
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.records import Effect
from pytest_sysint.declaration.explain import came
from pytest_sysint.declaration.model import DeclaredIntegration
from pytest_sysint.declaration.references import Unset
from pytest_sysint.declaration.words import suggest

OF_ONE = 3
"""How many conversations long an examination of one operation may take."""
OF_ALL = 12
"""The same for all operations of a document."""

D = TypeVar("D", bound=Lists)
P = TypeVar("P", bound=Options)


@dataclass(frozen=True, slots=True)
class Examinable(Generic[D, P]):
    """The validated value of such a key, and of the keys beside it."""

    source: Source[D]
    options: P


class DocumentForm(ABC, Generic[D, P]):
    """A form of contract whose checks are made from a document. What differs is told by its class."""

    name: ClassVar[str]
    """The key; what runs its checks is the module of this folder by that name."""
    document: ClassVar[str]
    """What its documents are called: `document`, `schema`."""
    expected: ClassVar[str]
    """What can stand under the key, for the message when something else does."""
    asks: ClassVar[str]
    """What is made from a document: `requests made from the document`."""
    model: type[P]

    def read(self, raw: Any, cls: Type, folder: Path, whole: dict[str, Any]) -> Examinable[D, P]:
        """Read where the document is, the document where it is a file, and the options.

        Raises:
            Mistakes: everything that is wrong with them.

        """
        if isinstance(raw, Unset):
            raise Mistakes
        if not isinstance(raw, str) or not raw:
            raise Mistakes(Mistake((), f"expected {self.expected}; got {came(raw)}"))
        require_library(self.name)
        options = read_options(self.model, whole, self.conformance)
        source = self.source(raw, folder)
        if source.document is not None:
            mistakes = [*self._unused(options, source.document), *self.unused(options, source.document)]
            if mistakes:
                raise Mistakes(*mistakes)
        return Examinable(source, options)

    def by_operation(self, value: Examinable[D, P], declared: DeclaredIntegration, document: D) -> Iterator[Check]:
        """A check for each chosen operation."""
        slugs = slugs_of(f"{self.name} {each.label}" for each in document.operations)
        for each, slug in zip(document.operations, slugs, strict=True):
            if value.options.operations.takes(each.names):
                title = f"{each.label}, {value.options.examples} {self.asks}"
                yield self.check(value, declared, each.label, title, each.effect, "one", each.label, slug=slug)

    def check(
        self,
        value: Examinable[D, P],
        declared: DeclaredIntegration,
        name: str,
        title: str,
        effect: Effect,
        method: str,
        *arguments: str,
        conversations: int = OF_ONE,
        **more: Any,
    ) -> Check:
        """A check that calls a method of the examination. The library is imported when it runs."""

        def run(context: Context) -> Outcome:
            with own_turn():
                examination = running(self.name).EXAMINATION(
                    value.source, value.options, declared.tenant, conversations
                )
                outcome: Outcome = getattr(examination, method)(*arguments, context)
                return outcome

        return contract_check(
            declared,
            f"{self.name} {name}",
            run,
            title,
            effect=effect,
            conversations=conversations,
            takes=WAITING,
            **more,
        )

    def load(self, document: D) -> Any:
        """What schemathesis makes of a document."""
        return running(self.name).load(document)

    def _unused(self, options: P, document: D) -> list[Mistake]:
        """Say of each pattern that it fits no operation."""
        labels = [each.label for each in document.operations]
        return [
            Mistake(
                ("operations", where),
                f"'{pattern}' fits no operation of the {self.document}{suggest(pattern, labels)}",
            )
            for where, pattern in options.operations.unused(each.names for each in document.operations)
        ]

    # ---- what differs between documents ----

    @abstractmethod
    def source(self, raw: str, folder: Path) -> Source[D]:
        """Where the document comes from."""

    @abstractmethod
    def conformance(self) -> Collection[str]:
        """The checks of schemathesis that can be held against its answers."""

    def unused(self, options: P, document: D) -> list[Mistake]:
        """What else is declared and fits nothing of the document."""
        return []
