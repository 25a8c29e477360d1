"""What holds where nothing else is said: the command line's defaults, and those of what keeps them.

Nothing is imported here: --help and completion have these without the modules that keep them.
"""

TOKEN_VARIABLES = ["AGENTOS_TOKEN", "OS_SECURITY_KEY"]
"""The contract tests' variable, and the one that a real server reads."""

MAX_MEMORY = 256 * 1024 * 1024
"""Bytes of sessions and runs that are remembered."""

MAX_BODY = 10 * 1024 * 1024
"""Bytes of a request's body, and of a message over the websocket."""

MAX_RUNS = 1000
"""Runs that are under way at one time."""

MAX_RUN_TIME = 3600.0
"""Seconds that a run may take, holds at gates and pauses included."""

MAX_HEADER_SIZE = 64 * 1024
"""Bytes of a request's URL, headers and trailers."""

MAX_HEADERS = 200
"""Headers and trailers of a request."""

CLIENT_TIMEOUT = 60.0
"""Seconds within which a request has to come, and a client to take what it is sent."""

RECORDED_MESSAGE = "a recorded message"
"""What `record` asks."""
