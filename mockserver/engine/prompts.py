"""System messages: what an agent's or a team's model is told of itself, in Agno's words
(`agno/agent/_messages.py`, `agno/team/_messages.py`)."""

from __future__ import annotations

import re
import string
from collections.abc import Container, Mapping
from typing import Any

from mockserver.engine.team_prompt import team_sections
from mockserver.script.model import Executor, Prompt

_MEDIA = """\
<attached_media>
You have the following media attached to your message:
"""


def system_message(
    executor: Executor, variables: Mapping[str, Any], *, is_typed: bool, media: Container[str] = ()
) -> str | None:
    """The system message; None: there is none. `variables`: what `{name}` in it stands for;
    `is_typed`: it answers a value of a class; `media`: the kinds that a team is told of."""
    prompt, is_team = executor.prompt, executor.type == "team"
    if prompt.whole is not None:
        return _filled(prompt.whole, variables)
    extra = "Use markdown to format your answers." if prompt.markdown and not is_typed else None
    if is_team:
        kinds = [kind for kind in ("audio", "images", "videos", "files") if kind in media]
        listed = "".join(f" - {kind.capitalize()}\n" for kind in kinds)
        told = team_sections(executor.members) + _of_team(prompt)
        told += f"{_MEDIA}{listed}</attached_media>\n\n" if kinds else ""
    else:
        told = _of_agent(prompt)
    if extra is not None:
        told += f"<additional_information>\n- {extra}\n</additional_information>\n\n"
    if not is_team:
        told = _filled(told, variables)
    if prompt.expected_output is not None:
        expected = prompt.expected_output.strip()
        told += f"<expected_output>\n{expected}\n</expected_output>\n\n"
    if prompt.additional_context is not None:
        context = prompt.additional_context
        within = f"<additional_context>\n{context.strip()}\n</additional_context>\n\n"
        told += within if is_team else f"{context}\n"
    if is_team:
        return _filled(told, variables).strip()
    return told.strip() if told else None


def _of_agent(prompt: Prompt) -> str:
    told = "" if prompt.description is None else f"{prompt.description}\n"
    if prompt.role is not None:
        told += f"\n<your_role>\n{prompt.role}\n</your_role>\n\n"
    return told + _instructions(prompt)


def _of_team(prompt: Prompt) -> str:
    told = ""
    if prompt.description is not None:
        told += f"<description>\n{prompt.description}\n</description>\n\n"
    if prompt.role is not None:
        told += f"<your_role>\n{prompt.role}\n</your_role>\n\n"
    return told + _instructions(prompt)


def _instructions(prompt: Prompt) -> str:
    if len(prompt.instructions) > 1:
        return "".join(f"- {each}\n" for each in prompt.instructions)
    return "".join(f"{each}\n\n" for each in prompt.instructions)


def _filled(text: str, variables: Mapping[str, Any]) -> str:
    """`{name}` replaced where there is such a variable."""
    for name in variables:
        text = re.sub(r"\{" + re.escape(name) + r"\}", lambda found: "$" + found[0], text)
    return string.Template(text).safe_substitute(variables)
