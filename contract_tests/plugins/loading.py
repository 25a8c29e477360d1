"""Finds the plugins of the environment, and adds what they have to the kit's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any, TypeVar

import pluggy

import contract_tests.checks  # noqa: F401 - registers the kit's own
from agentos_contract.requirements import Requirement, load_catalogue
from contract_tests.checks.registry import CHECKS, Check
from contract_tests.plugins import hooks

T = TypeVar("T")

_ID = re.compile(r"[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*")


class PluginError(ValueError):
    """A plugin cannot be used; str() names it, and says why."""


_loaded: set[str] = set()


def load_plugins() -> None:
    """Add every plugin of the environment, once a process. Raises PluginError."""
    for point in sorted(entry_points(group=hooks.GROUP), key=lambda point: point.name):
        if point.name not in _loaded:
            where = f"plugin {point.name} ({point.value})"
            add_plugin(point.name, _try(where, point.load), where)
            _loaded.add(point.name)


def add_plugin(name: str, plugin: Any, where: str = "") -> None:
    """Add what a plugin has, a module or an object with its hooks. All of it, or nothing. Raises
    PluginError."""
    where = where or f"plugin {name}"
    manager = pluggy.PluginManager(hooks.GROUP)
    manager.add_hookspecs(hooks)
    _try(where, lambda: manager.register(plugin, name))
    _try(where, manager.check_pending)
    if not manager.get_hookcallers(plugin):
        raise PluginError(f"{where}: it has no hook; expected {_HOOKS}, marked by hookimpl")
    requirements = _values(where, manager.hook.contract_tests_requirements, Requirement)
    checks = _values(where, manager.hook.contract_tests_checks, Check)
    _validate(where, requirements, checks)
    load_catalogue().requirements.update({one.id: one for one in requirements})
    CHECKS.extend(replace(check, plugin=name) for check in checks)


_HOOKS = "contract_tests_requirements and contract_tests_checks"


def _values(where: str, hook: Callable[[], list[Iterable[T]]], kind: type[T]) -> list[T]:
    """What a hook gave, all together."""
    values = _try(where, lambda: [value for given in hook() for value in given])
    for value in values:
        if not isinstance(value, kind):
            raise PluginError(f"{where}: expected {kind.__name__} objects, found {value!r}")
    return values


def _validate(where: str, requirements: list[Requirement], checks: list[Check]) -> None:
    catalogue = load_catalogue().requirements
    ids = [one.id for one in requirements]
    for one in requirements:
        if not _ID.fullmatch(one.id):
            raise PluginError(f"{where}: {one.id!r} is no id; expected AREA.NAME such as acme.ids")
        if one.id in catalogue or ids.count(one.id) > 1:
            raise PluginError(f"{where}: there is a requirement {one.id} already")
    names = [check.name for check in (*CHECKS, *checks)]
    for check in checks:
        if names.count(check.name) > 1:
            raise PluginError(f"{where}: there is a check {check.name!r} already")
        for name in check.decides:
            if name not in ids:
                raise PluginError(
                    f"{where}: the check {check.name!r} decides {name!r}, which is none of the "
                    f"plugin's requirements; expected one of {', '.join(ids) or 'some'}"
                )
    decided = {name for check in checks for name in check.decides}
    for name in ids:
        if name not in decided:
            raise PluginError(f"{where}: no check decides {name}")


def _try(where: str, function: Callable[[], T]) -> T:
    try:
        return function()
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # its module may even call sys.exit
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise PluginError(f"{where}: it cannot be loaded: {said}") from error
