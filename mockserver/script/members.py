"""Members of values that expressions read, compared with what is known of these values: a message's
by the `input_schema`, a step's answer by the mapping that its `mock` has as `content`.

What an expression asks for itself before it reads it (`is mapping`, `default`, `has()`, `in`) is
left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jinja2
import lark
from jinja2 import nodes

from mockserver.script.problems import KeyPath, Problems, instead_of
from mockserver.script.shape import name_of

_CHECKED = ("input_value", "previous_step_values")
"""The variables of which something is known: a text without them is not parsed."""
_GUARDS = frozenset({"mapping", "defined", "undefined", "string", "in", "default", "d", "none"})
_CEL_GUARDS = frozenset({"has", "type", "dyn"})
_METHODS = frozenset(dir(dict)) | frozenset(dir(str)) | frozenset(dir(list))
_parser = jinja2.Environment(autoescape=False)  # nosec B701 # parses, renders nothing


class Read(NamedTuple):
    """A member that an expression reads: `input_value.customer.name`."""

    path: KeyPath
    """Where the expression stands."""
    variable: str
    members: tuple[str, ...]


def read_by_template(value: Any, path: KeyPath) -> Iterator[Read]:
    """The members that the templates in a value read."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from read_by_template(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from read_by_template(item, (*path, index))
    elif isinstance(value, str) and any(name in value for name in _CHECKED):
        tree = _parser.parse(value)
        tests = {node.name for node in tree.find_all((nodes.Test, nodes.Filter))}
        tests |= {operand.op for operand in tree.find_all(nodes.Operand)}
        if not tests & _GUARDS:
            for variable, members in _chains(tree):
                yield Read(path, variable, members)


def _chains(node: nodes.Node) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The longest chain of members of each variable."""
    found = _chain(node)
    if found is not None:
        yield found
        return
    for child in node.iter_child_nodes():
        yield from _chains(child)


def _chain(node: nodes.Node) -> tuple[str, tuple[str, ...]] | None:
    if isinstance(node, nodes.Name):
        return node.name, ()
    if isinstance(node, nodes.Getattr):
        member: Any = node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        member = node.arg.value
    else:
        return None
    before = _chain(node.node)
    if before is None or not isinstance(member, str):
        return None
    return before[0], (*before[1], member)


def read_by_cel(tree: Any, path: KeyPath) -> Iterator[Read]:
    """The members that a CEL expression reads."""
    called = {str(node.children[0]) for node in tree.find_data("ident_arg")}
    has_in = any(True for _ in tree.find_data("relation_in"))
    if called & _CEL_GUARDS or has_in:
        return
    dots = list(tree.find_data("member_dot"))
    inner = {id(node.children[0].children[0]) for node in dots}  # of a.b.c that of a.b
    for node in dots:
        chain = _cel_chain(node)
        if chain is not None and id(node) not in inner:
            yield Read(path, *chain)


def _cel_chain(node: Any) -> tuple[str, tuple[str, ...]] | None:
    while isinstance(node, lark.Tree) and node.data in ("member", "primary"):
        if len(node.children) != 1:
            return None
        node = node.children[0]
    if not isinstance(node, lark.Tree):
        return None
    if node.data == "ident":
        return str(node.children[0]), ()
    if node.data == "member_dot":
        before = _cel_chain(node.children[0])
        return before and (before[0], (*before[1], str(node.children[1])))
    return None


class Known:
    """What is known of the values that a workflow's expressions read."""

    def __init__(self, input_schema: Mapping[str, Any] | None, steps: Sequence[Any]) -> None:
        """`steps`: as a script has them, with their inner ones."""
        self._schema = input_schema
        self._answers: dict[str, list[Any]] = {}
        self._collect(steps)

    def _collect(self, items: Any) -> None:
        for position, item in enumerate(items or ()):
            name = name_of(item, position)
            is_step = item.get("type") == "Step"
            mock = item.get("mock") or {}
            self._answers.setdefault(name, []).append(mock.get("content") if is_step else None)
            for key in ("steps", "choices", "else_steps"):
                self._collect(item.get(key))

    def check(self, reads: Sequence[Read], problems: Problems) -> None:
        """Warn of members that there are not."""
        for path, variable, members in reads:
            message = None
            if variable == "input_value" and members:
                message = self._of_input(members)
            elif variable == "previous_step_values" and members:
                message = self._of_step(*members)
            if message is not None:
                problems.add(path, message, warning=True)

    def _of_input(self, members: tuple[str, ...]) -> str | None:
        if self._schema is None:
            if members[0] in _METHODS:
                return None
            return (
                f"there is no input_schema, so `input_value` is a text without {members[0]!r}; "
                "expected an `input_schema`"
            )
        schema: Any = self._schema
        for depth, member in enumerate(members):
            known = _properties(schema, self._schema)
            if known is None or member in _METHODS:
                return None
            if member not in known:
                whose = ".".join(("input_value", *members[:depth]))
                return (
                    f"`{whose}` has no member {member!r} by input_schema; "
                    f"{instead_of(member, known)}"
                )
            schema = known[member]
        return None

    def _of_step(self, name: str, *members: str) -> str | None:
        if name in _METHODS:
            return None
        if name not in self._answers:
            return f"there is no step {name!r}; {instead_of(name, self._answers)}"
        contents = self._answers[name]
        if not members or members[0] in _METHODS:
            return None
        if all(isinstance(content, dict) for content in contents):
            known = {key for content in contents for key in content}
            if members[0] not in known:
                return (
                    f"the step {name!r} answers without a member {members[0]!r}; "
                    f"{instead_of(members[0], known)}"
                )
        elif all(isinstance(content, str) and "{" not in content for content in contents):
            return f"the step {name!r} answers a text, without {members[0]!r}; expected a mapping"
        return None


def _properties(schema: Any, root: Mapping[str, Any]) -> dict[str, Any] | None:
    """The members that an object has by its schema; None where it may have others or that is not
    known."""
    for _ in range(20):
        ref = schema.get("$ref") if isinstance(schema, Mapping) else None
        if not isinstance(ref, str) or not ref.startswith("#/"):
            break
        schema = root
        for part in ref[2:].split("/"):
            schema = schema.get(part) if isinstance(schema, Mapping) else None
    if not isinstance(schema, Mapping) or not isinstance(schema.get("properties"), Mapping):
        return None
    others = ("anyOf", "oneOf", "allOf", "if", "patternProperties", "$ref", "$dynamicRef")
    if any(key in schema for key in others) or schema.get("additionalProperties"):
        return None
    return dict(schema["properties"])
