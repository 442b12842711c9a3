"""YAML text -> nodes that know where they stand.

The text is read as a stream of events by libyaml (PyYAML's pure parser where libyaml is missing) and the tree is built
here, without recursion, so that each limit is held while reading: size, nesting, number of values with every alias
counted as often as it is used. A hostile file costs what the limits allow, and never more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from pytest_sysint.declaration import scalars

MAX_BYTES = 8 * 2**20
MAX_BYTES_WITHOUT_LIBYAML = 2**20
"""PyYAML's own parser is some fifty times slower."""
MAX_VALUES = 300_000
MAX_DEPTH = 64
MAX_DIRECTIVES = 8
"""libyaml compares each `%TAG` line with all before it."""

_LIBYAML: Any = getattr(yaml, "CSafeLoader", None)
_TEXT_TAGS = frozenset({"!", "tag:yaml.org,2002:str"})
_MAP_TAGS = frozenset({None, "!", "tag:yaml.org,2002:map"})
_LIST_TAGS = frozenset({None, "!", "tag:yaml.org,2002:seq"})
_REFERENCE = "${"
_LINE_ENDS = "\r\n\x85\u2028\u2029"


class YamlProblem(Exception):
    """The text cannot be read as one YAML document. `line` and `column` count from 1; 0 where there is no position."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class Node:
    """One value and where it stands: a dict of nodes, a list of nodes, or a scalar.

    `keys` has the position of each key of a map. `refers` is true when a text below holds `${`. `size` counts the
    values in it, an alias as often as it is used.
    """

    __slots__ = ("column", "keys", "line", "refers", "size", "value")

    def __init__(self, value: Any, line: int, column: int) -> None:
        self.value = value
        self.line = line
        self.column = column
        self.keys: dict[str, tuple[int, int]] = {}
        self.refers = False
        self.size = 1

    def place(self, *path: str | int) -> tuple[int, int]:
        """Line and column of a map's key or a list's item; where the path leads nowhere, of its last step that does."""
        place, node = (self.line, self.column), self
        for step in path:
            child = node.step(step)
            if child is None:
                break
            place = node.keys[step] if isinstance(step, str) else (child.line, child.column)
            node = child
        return place

    def find(self, *path: str | int) -> Node | None:
        """The node that the path leads to, or None."""
        node: Node | None = self
        for step in path:
            node = node.step(step) if node is not None else None
        return node

    def step(self, step: str | int) -> Node | None:
        """What stands under this key of a map, or at this index of a list."""
        value = self.value
        if isinstance(value, dict) and isinstance(step, str):
            return value.get(step)
        if isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
            found: Node = value[step]
            return found
        return None


def parse(data: bytes) -> Node:
    """Read one YAML document.

    Raises:
        YamlProblem: when it is too large, not UTF-8, not YAML, nested too deeply, unfolds to too many values, has a
            duplicate key, a cyclic anchor, a tag, or more than one document.

    """
    most = MAX_BYTES if _LIBYAML else MAX_BYTES_WITHOUT_LIBYAML
    if len(data) > most:
        raise YamlProblem(too_large(len(data), most))
    text = _decode(data)
    if sum(text.count(f"{end}%") for end in _LINE_ENDS) > MAX_DIRECTIVES:
        raise YamlProblem("YAML directives (lines that begin with `%`) are not supported")
    try:
        return _Builder().build(yaml.parse(text, Loader=_LIBYAML or yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, text) from None
    except yaml.reader.ReaderError as error:
        raise YamlProblem(_forbidden(error), *_position(text, error.position)) from None
    except yaml.YAMLError:
        raise YamlProblem("is not valid YAML") from None


def too_large(size: int, most: int = MAX_BYTES) -> str:
    """The sentence for a file of `size` bytes, of which `most` are allowed."""
    return (
        f"the file has {size / 2**20:.1f} MiB; a declaration has at most {most / 2**20:g} MiB: split it with `include`"
    )


class _Builder:
    """Builds the tree from events: a stack of open maps and lists instead of recursion."""

    def __init__(self) -> None:
        self._root: Node | None = None
        self._open: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self._values = 0
        self._documents = 0

    def build(self, events: Iterator[Any]) -> Node:
        # Plain comparisons of classes, the commonest first: this loop sees every event of a file of 10,000 checks.
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._start(event, kind is yaml.MappingStartEvent)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._end()
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                self._document(event)
        if self._root is None:
            raise YamlProblem("the file is empty; a declaration begins with `sysint: 1`")
        return self._root

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            _fail(event, "a second YAML document begins here (`---`); a file holds one declaration")

    def _scalar(self, event: Any) -> None:
        mark = event.start_mark
        if event.tag is None:
            value: Any = scalars.plain(event.value) if event.implicit[0] else event.value
        elif event.tag in _TEXT_TAGS:
            value = event.value
        else:
            _fail(event, "YAML tags (`!...`) are not supported; write the value without one")
        node = Node(value, mark.line + 1, mark.column + 1)
        node.refers = type(value) is str and _REFERENCE in value
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        holder = self._open[-1] if self._open else None
        if holder is not None and holder.expects_key:
            holder.take_key(event.value, event.implicit[0], event)
        else:
            self._put(node, event)

    def _start(self, event: Any, is_map: bool) -> None:
        if event.tag not in (_MAP_TAGS if is_map else _LIST_TAGS):
            _fail(event, "YAML tags (`!...`) are not supported; write the value without one")
        if self._open and self._open[-1].expects_key:
            _fail(event, "a map or a list cannot be a key; if a text begins with `{` or `[`, put it in quotes")
        if len(self._open) >= MAX_DEPTH:
            _fail(event, f"more than {MAX_DEPTH} levels of nesting")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        mark = event.start_mark
        node = Node({} if is_map else [], mark.line + 1, mark.column + 1)
        self._open.append(_Open(node, event))

    def _end(self) -> None:
        done = self._open.pop()
        if done.merges:
            done.merge()
        if done.event.anchor is not None:
            self._anchors[done.event.anchor] = done.node
        self._put(done.node, done.event)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            _fail(event, f"`*{event.anchor}` refers to an anchor that is not defined above it")
        node = self._anchors[event.anchor]
        if node is None:
            _fail(event, f"`*{event.anchor}` stands inside its own anchor: the value would contain itself")
        holder = self._open[-1]
        if holder.expects_key:
            if not isinstance(node.value, str):
                _fail(event, "only a text can be a key")
            holder.take_key(node.value, False, event)
        else:
            self._values += node.size - 1
            self._put(node, event)

    def _put(self, node: Node, event: Any) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            _fail(event, f"more than {MAX_VALUES:,} values, aliases counted as often as they are used")
        if self._open:
            self._open[-1].take(node)
        else:
            self._root = node


class _Open:
    """A map or list that is being read."""

    __slots__ = ("event", "expects_key", "key", "merges", "node")

    def __init__(self, node: Node, event: Any) -> None:
        self.node = node
        self.event = event
        self.expects_key = isinstance(node.value, dict)
        self.key: str | None = None
        self.merges: list[Node] = []

    def take_key(self, text: str, is_plain: bool, event: Any) -> None:
        mark = event.start_mark
        self.expects_key = False
        if is_plain and text == "<<":
            if self.merges:
                _fail(event, "`<<` stands twice in one map; give it a list: `<<: [*one, *other]`")
            self.key = None
            return
        if text == "":
            _fail(event, "a key is missing before the `:`")
        if _REFERENCE in text:
            _fail(event, "a key cannot hold a reference; only values can")
        if text in self.node.keys:
            _fail(event, f"the key '{_clip(text)}' stands twice in one map (first in line {self.node.keys[text][0]})")
        self.key = text
        self.node.keys[text] = (mark.line + 1, mark.column + 1)

    def take(self, child: Node) -> None:
        node = self.node
        node.size += child.size
        node.refers = node.refers or child.refers
        if type(node.value) is list:
            node.value.append(child)
            return
        self.expects_key = True
        if self.key is None:
            self._take_merge(child)
        else:
            node.value[self.key] = child

    def _take_merge(self, child: Node) -> None:
        sources = child.value if isinstance(child.value, list) else [child]
        if not sources or not all(isinstance(source.value, dict) for source in sources):
            raise YamlProblem("`<<` takes a map, or a list of maps, to merge into this one", child.line, child.column)
        self.merges.extend(sources)

    def merge(self) -> None:
        """Take over what the map itself does not say; among several sources the first that says it wins."""
        node = self.node
        for source in self.merges:
            for key, value in source.value.items():
                if key not in node.value:
                    node.value[key] = value
                    node.keys[key] = source.keys[key]


def _fail(event: Any, message: str) -> NoReturn:
    mark = event.start_mark
    raise YamlProblem(message, mark.line + 1, mark.column + 1)


def _clip(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}..."


_BYTE_ORDER_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


def _decode(data: bytes) -> str:
    found = _BYTE_ORDER_MARKS.get(data[:2])
    if found:
        raise YamlProblem(f"the file is {found}; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        offset = error.start
    line = data.count(b"\n", 0, offset) + 1
    column = offset - (data.rfind(b"\n", 0, offset) + 1) + 1
    raise YamlProblem(
        f"is not UTF-8: byte 0x{data[offset]:02x} at offset {offset:,}; save the file as UTF-8", line, column
    )


def _position(text: str, index: int) -> tuple[int, int]:
    index = max(0, min(index, len(text)))
    return text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1


def _forbidden(error: yaml.reader.ReaderError) -> str:
    code = error.character if isinstance(error.character, int) else ord(error.character[:1] or "\0")
    return f"the character U+{code:04X} is not allowed in YAML"


_HINTS = (
    ("mapping values are not allowed", "a `:` stands where it cannot: put the text in quotes, or mend the indentation"),
    ("could not find expected ':'", "a `:` is missing after a key, or the indentation is off"),
    ("did not find expected key", "the indentation does not fit, or a quote or bracket is not closed"),
    ("did not find expected '-' indicator", "the items of a list do not stand in one column"),
    ("expected <block end>", "the indentation does not fit, or a quote or bracket is not closed"),
    ("expected ',' or", "a bracket is not closed, or a `,` is missing"),
    ("found unexpected end of stream", "a quote is not closed"),
    ("cannot start any token", "a text that begins with this character needs quotes"),
    ("did not find expected alphabetic or numeric character", "a text that begins with `&` or `*` needs quotes"),
    ("found unknown escape character", "in double quotes `\\` begins an escape: use single quotes, or write `\\\\`"),
    ("block sequence entries are not allowed", "a list cannot begin here: put it on the next line"),
    ("did not find expected node content", "a value is missing, or a text that begins like this needs quotes"),
)  # fmt: skip


def _syntax(error: yaml.MarkedYAMLError, text: str) -> YamlProblem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    problem = error.problem or error.context or ""
    if _tab_indents(text, line):
        return YamlProblem("a tab indents this line; YAML wants spaces", line, column)
    said = next((hint for known, hint in _HINTS if known in problem), problem)
    return YamlProblem(f"is not valid YAML: {said}" if said else "is not valid YAML", line, column)


def _tab_indents(text: str, line: int) -> bool:
    """Whether this line, or the one before (where the parser may have stopped), is indented with a tab."""
    lines = text.split("\n", line + 1)[: line + 1]
    return any(re.match(r" *\t", each) for each in lines[max(line - 1, 0) : line])
