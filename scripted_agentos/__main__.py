"""The command: `python -m scripted_agentos` or `scripted-agentos`.

It prints `listening on http://HOST:PORT` when it accepts connections, and nothing else on standard
output; Agno's logs and tracebacks go to standard error. A wrong script ends it with one line (file,
place in the script, what would be right) and code 2.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripted-agentos", description="A real AgentOS 2.5.6 serving workflow scripts."
    )
    parser.add_argument("--workflows", type=Path, required=True, metavar="DIR")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 for any free one")
    parser.add_argument("--token", help="the bearer token to ask for (OS_SECURITY_KEY); none: open")
    parser.add_argument("--db", type=Path, metavar="FILE", help="SQLite; a temporary one if absent")
    parser.add_argument("--id", default="agentos", help="the AgentOS's own id, as /config has it")
    parser.add_argument(
        "--pauses",
        action="store_true",
        help="pause where a step asks for confirmation or input, as AgentOS does with workflows "
        "of its database; of those made in code, as these are, 2.5.6 forgets it",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    # Agno reads these while its modules load: /sessions takes its key from there and from nowhere
    # else. Only --token decides: a key that happens to be there must not lock a test out.
    os.environ["AGNO_TELEMETRY"] = "false"
    os.environ.pop("OS_SECURITY_KEY", None)
    if options.token:
        os.environ["OS_SECURITY_KEY"] = options.token
    try:
        from scripted_agentos.server import serve
    except ModuleNotFoundError as error:
        if str(error.name).startswith("scripted_agentos"):
            raise
        print(
            f"error: there is no {error.name} here; pip install 'agentos-contract-kit[agentos]'",
            file=sys.stderr,
        )
        return 2
    return serve(
        options.workflows,
        host=options.host,
        port=options.port,
        db_file=options.db,
        os_id=options.id,
        pauses=options.pauses,
    )


if __name__ == "__main__":
    sys.exit(main())
