"""OpenAPI Overlay Specification 1.0.0: apply an overlay's actions to a document.

Targets are RFC 9535 JSONPath queries, evaluated by `jsonpath-rfc9535`. The merge of an update
is the specification's (section 4.4.3): objects merge recursively, arrays concatenate, anything
else is replaced.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import jsonpath_rfc9535
from jsonpath_rfc9535 import JSONPathError


class OverlayError(ValueError):
    """An overlay is malformed, or does not fit the document that it extends."""


def apply_overlay(document: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of `document` with the overlay's actions applied in order.

    Raises OverlayError for a version other than 1.0, a malformed action, and for a target that
    selects nothing: the specification lets that pass, but here it can only mean that overlay and
    document have drifted apart.
    """
    version = str(overlay.get("overlay", ""))
    if not version.startswith("1.0."):
        raise OverlayError(f"overlay: version {version!r}; this kit applies 1.0.x")
    result = copy.deepcopy(dict(document))
    for index, action in enumerate(overlay.get("actions") or ()):
        _apply_action(result, action, f"overlay: actions[{index}]")
    return result


def _apply_action(document: dict[str, Any], action: Any, where: str) -> None:
    if not isinstance(action, Mapping) or not isinstance(action.get("target"), str):
        raise OverlayError(f"{where}: expected an object with a JSONPath `target`")
    target = action["target"]
    try:
        nodes = jsonpath_rfc9535.find(target, document)
    except JSONPathError as error:
        raise OverlayError(f"{where}.target: {target!r} is no JSONPath: {error}") from error
    if not nodes:
        raise OverlayError(f"{where}.target: {target!r} selects nothing in the document")
    # Later locations first, so that removing array elements does not shift those still to come.
    for node in reversed(nodes):
        if action.get("remove") is True:
            if not node.location:
                raise OverlayError(f"{where}: the document's root cannot be removed")
            parent = _value_at(document, node.location[:-1])
            del parent[node.location[-1]]
        elif "update" in action:
            update = copy.deepcopy(action["update"])
            if not node.location:
                _merge(document, update, where)
                continue
            parent = _value_at(document, node.location[:-1])
            key = node.location[-1]
            parent[key] = _merge(parent[key], update, where)
        else:
            raise OverlayError(f"{where}: expected `update` or `remove: true`")


def _value_at(document: Any, location: tuple[int | str, ...]) -> Any:
    value = document
    for part in location:
        value = value[part]
    return value


def _merge(value: Any, update: Any, where: str) -> Any:
    """Merge `update` into `value` in place where both are objects or `value` is an array."""
    if isinstance(value, dict):
        if not isinstance(update, dict):
            raise OverlayError(f"{where}.update: expected an object, as its target is one")
        for key, new in update.items():
            value[key] = _merge(value[key], new, where) if key in value else new
        return value
    if isinstance(value, list):
        return value + (update if isinstance(update, list) else [update])
    return update
