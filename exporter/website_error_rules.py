"""Reads the rules for website errors: the built-in file, and before it the user's own."""

from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml

from exporter.core.website_errors import CATEGORIES, Classifier, Rule
from exporter.errors import UserError

_BUILT_IN: Final = "website_errors.yaml"


def load_classifier(path: Path | None = None) -> Classifier:
    """The classifier with the built-in rules, and before them those of the user's file.

    Raises:
        UserError: the file cannot be read or holds something else than rules; names file and line.
    """
    built_in = (files("exporter") / _BUILT_IN).read_text(encoding="utf-8")
    rules = parse(built_in, _BUILT_IN)
    if path is not None:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise UserError(f"{path}: cannot read the website error rules: {why}") from error
        rules = parse(text, str(path)) + rules
    return Classifier(rules)


def parse(text: str, name: str) -> list[Rule]:
    """The rules in a YAML text; ``name`` is the file's, for the error message.

    Raises:
        UserError: it is not of the form ``rules: [{category, phrases}]``; names file and line.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{name}:{line}: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{name}:1: not YAML: {error}".splitlines()[0]) from error
    entries = _mapping(root, name, ("rules",)).get("rules")
    if not isinstance(entries, yaml.SequenceNode):
        raise _fault(name, entries or root, "wanted 'rules:' with a list of rules")
    return [_rule(entry, name) for entry in entries.value]


def _rule(node: yaml.Node, name: str) -> Rule:
    members = _mapping(node, name, ("category", "phrases"))
    category, phrases = members.get("category"), members.get("phrases")
    if not isinstance(category, yaml.ScalarNode) or category.value not in CATEGORIES:
        known = ", ".join(CATEGORIES)
        raise _fault(name, category or node, f"'category' must be one of {known}")
    if not isinstance(phrases, yaml.SequenceNode) or not phrases.value:
        raise _fault(name, phrases or node, "'phrases' must be a list of texts")
    for phrase in phrases.value:
        if not isinstance(phrase, yaml.ScalarNode) or not phrase.value.replace("*", "").strip():
            raise _fault(name, phrase, "a phrase must be a text with more in it than '*'")
    return Rule(category.value, tuple(phrase.value for phrase in phrases.value))


def _mapping(node: yaml.Node | None, name: str, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise _fault(name, node, f"wanted a mapping with {' and '.join(known)}")
    for key, _ in node.value:
        if key.value not in known:
            raise _fault(name, key, f"unknown key {key.value!r}; known: {', '.join(known)}")
    return {key.value: value for key, value in node.value}


def _fault(name: str, node: yaml.Node | None, problem: str) -> UserError:
    line = node.start_mark.line + 1 if node is not None else 1
    return UserError(f"{name}:{line}: {problem}")
