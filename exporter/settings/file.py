"""The configuration file: YAML in, the text of each option with its line out.

Scalars are taken as they are written, so that ``15s``, ``200`` and ``yes`` pass through the very
same checks as flags do. Whatever is wrong is told with file, line and column.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from exporter.errors import UserError
from exporter.settings.option import Option

# Far above any configuration; keeps a mistyped path to a log or a device from filling the memory.
MAX_FILE_BYTES = 1 << 20


class SettingsError(UserError):
    """An option has a value that it cannot have."""


@dataclass(frozen=True, slots=True)
class Given:
    """What was given for an option, and where: a flag, a variable, or a place in the file."""

    values: tuple[str, ...]
    origin: str


class _File:
    """One file being read; knows its name and which keys there are."""

    def __init__(self, path: Path, options: Mapping[str, Option]) -> None:
        self._path = path
        self._options = options
        self._sections = {
            key.rpartition(".")[0] for key in options if "." in key
        }  # one level: no key has two dots

    def read(self) -> Iterator[tuple[str, Given]]:
        try:
            with self._path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            why = (error.strerror or type(error).__name__).lower()
            raise SettingsError(f"cannot read {self._path}: {why}") from None
        if len(content) > MAX_FILE_BYTES:
            raise SettingsError(f"{self._path} is over 1 MiB: that is no configuration file")
        try:
            root = yaml.compose(content, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise self._error(mark, f"not valid YAML: {error.problem or error.context}") from None
        except (yaml.YAMLError, ValueError, RecursionError):
            raise SettingsError(f"{self._path} is not valid YAML in UTF-8") from None
        if root is not None and not _is_null(root):
            yield from self._mapping(root, "")

    def _mapping(self, node: yaml.Node, section: str) -> Iterator[tuple[str, Given]]:
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node.start_mark, f"{section or 'the file'} must hold 'key: value'")
        seen: set[str] = set()
        for key_node, value in node.value:
            key = f"{section}.{key_node.value}" if section else str(key_node.value)
            if key in seen:
                raise self._error(key_node.start_mark, f"{key} is given twice: keep one")
            seen.add(key)
            if key in self._options:
                yield key, self._given(self._options[key], key, value)
            elif key in self._sections:
                if not _is_null(value):
                    yield from self._mapping(value, key)
            else:
                raise self._error(key_node.start_mark, self._unknown(key))

    def _unknown(self, key: str) -> str:
        known = [*self._options, *self._sections]
        close = difflib.get_close_matches(key, known, n=1)
        mend = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}"
        return f"unknown key {key!r}; {mend}"

    def _given(self, option: Option, key: str, node: yaml.Node) -> Given:
        if option.refused_flag is not None:
            raise self._error(node.start_mark, f"{key} is refused here: {option.refused_flag}")
        match node:
            case yaml.ScalarNode() if not _is_null(node):
                values: tuple[str, ...] = (node.value,)
            case yaml.SequenceNode() if option.repeatable:
                values = tuple(self._scalar(key, item) for item in node.value)
            case yaml.MappingNode() if option.repeatable and option.kind.pairs:
                values = tuple(
                    f"{self._scalar(key, name)}={self._scalar(key, value)}"
                    for name, value in node.value
                )
            case _:
                wanted = f"one value or a list of {option.kind.metavar}"
                wanted = wanted if option.repeatable else f"one value ({option.kind.metavar})"
                raise self._error(node.start_mark, f"{key} needs {wanted}")
        mark = node.start_mark
        return Given(values, f"{self._path}:{mark.line + 1}:{mark.column + 1}: {key}")

    def _scalar(self, key: str, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or _is_null(node):
            raise self._error(node.start_mark, f"{key} holds something that is no plain value")
        return str(node.value)

    def _error(self, mark: yaml.Mark | None, text: str) -> SettingsError:
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        return SettingsError(f"{self._path}{place}: {text}")


def _is_null(node: yaml.Node) -> bool:
    return node.tag == "tag:yaml.org,2002:null"


def read_file(path: Path, options: Mapping[str, Option]) -> dict[str, Given]:
    """What the file gives, by YAML key; ``options`` are the keys that there are.

    Raises:
        SettingsError: the file cannot be read, is no YAML, or has a key or value out of place.
    """
    return dict(_File(path, options).read())
