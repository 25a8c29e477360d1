"""What a team's model knows of its members, in Agno's words
(`agno/team/_messages.py`)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence

from mockserver.script.model import Executor, Step

_OPENING = (
    "You coordinate a team of specialized AI agents to fulfill the user's request. "
    "Delegate to members when their expertise or tools are needed. "
    "For straightforward requests you can handle directly — including using your own tools — "
    "respond without delegating.\n\n<team_members>\n"
)

_CLOSING = """</team_members>

<how_to_respond>
You operate in coordinate mode. For requests that need member expertise, select the best \
member(s), delegate with clear task descriptions, and synthesize their outputs into a unified \
response. For requests you can handle directly — simple questions, using your own tools, or \
general conversation — respond without delegating.

Delegation:
- Match each sub-task to the member whose role and tools are the best fit. Delegate to multiple \
members when the request spans different areas of expertise.
- Write task descriptions that are self-contained: state the goal, provide relevant context from \
the conversation, and describe what a good result looks like.
- Use only the member's ID when delegating — do not prefix it with the team ID.

After receiving member responses:
- If a response is incomplete or off-target, re-delegate with clearer instructions or try a \
different member.
- Synthesize all results into a single coherent response. Resolve contradictions, fill gaps with \
your own reasoning, and add structure — do not simply concatenate member outputs.
</how_to_respond>"""


def team_sections(members: Sequence[Step]) -> str:
    """What a team's model is told of its members, and of how it works with them."""
    return f"{_OPENING}{describe_members(members)}{_CLOSING}\n\n" if members else ""


def describe_members(members: Sequence[Step], indent: int = 0) -> str:
    """The members, and theirs, as a team's model gets to know them."""
    pad, lines = " " * indent, []
    for member in members:
        executor = member.executor
        kind = ' type="team"' if executor.type == "team" else ""
        lines.append(f'{pad}<member id="{member_id(executor)}" name="{executor.name}"{kind}>\n')
        if executor.prompt.role is not None and executor.type == "agent":
            lines.append(f"{pad}  Role: {executor.prompt.role}\n")
        if executor.prompt.description is not None:
            lines.append(f"{pad}  Description: {executor.prompt.description}\n")
        lines.append(describe_members(executor.members, indent + 2))
        lines.append(f"{pad}</member>\n")
    return "".join(lines)


def find_member(members: Sequence[Step], wanted: str) -> Step | None:
    """The member of that id, of the team or of one within it."""
    for member in members:
        if member_id(member.executor) == wanted:
            return member
        found = find_member(member.executor.members, wanted)
        if found is not None:
            return found
    return None


def member_id(executor: Executor) -> str:
    """The id by which a member is called: its own, fit for a URL."""
    try:
        uuid.UUID(executor.id)
    except ValueError:
        name = executor.id.replace(" ", "-")
        name = re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", name).lower().replace("_", "-")
        return re.sub(r"-+", "-", re.sub(r"[^\w\-.]", "", name))
    return executor.id
