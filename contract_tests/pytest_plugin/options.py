"""The plugin's options. Imports nothing: every pytest of the environment reads it."""

OPTIONS: dict[str, str] = {
    "token": "The bearer token; else AGENTOS_TOKEN, or what --contract-token-command prints.",  # nosec B105 # a help text
    "token-command": "A command that prints the token.",
    "header": "A header of every request, NAME: VALUE; may be repeated.",
    "ca": "Certificates (PEM) to trust, and no others.",
    "insecure": "Trust any certificate.",
    "cert": "The client's certificate (PEM).",
    "key": "Its key, where that is another file.",
    "proxy": "An HTTP proxy; else what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say.",
    "workflow": "A workflow to run; may be repeated. All that the server lists, unless said.",
    "level": "document, protocol or observed (unless said).",
    "area": "Test only what is in this area; may be repeated.",
    "only": "Test only this requirement, or those of a pattern; may be repeated.",
    "skip": "Do not test this requirement, or those of a pattern; may be repeated.",
    "known": "Deviations that are known, a profile or a file: expected failures.",
    "require": "A requirement that must be exercised; may be repeated.",
    "max-examples": "How many forms to generate of each kind.",
    "max-runs": "How many runs may be started, whatever happens.",
    "parallel": "How many workflows run at once, where each is looked at by itself.",
    "time-budget": "Seconds after which nothing new is begun.",
    "keep-sessions": "Leave the sessions that runs made; else they are deleted at the end.",
    "browser-origin": "Also test that a page of this origin can read the answers (CORS).",
    "message": "The message that runs are started with.",
    "seed": "Repeat an earlier run's requests.",
    "spec": "An OpenAPI 3.1 document, not the kit's.",
    "idle-timeout": "Seconds of silence in an answer.",
    "total-timeout": "Seconds for a whole answer.",
    "report-dir": "Where to write report.json, junit.xml, results.sarif and report.html.",
    "allure-dir": "Where to write results for Allure Report.",
    "code": "A file or folder that the workflows are written in, for SARIF; may be repeated.",
    "log": "Where to write every exchange, as an HTTP Archive (HAR).",
    "config": "A configuration file; else the nearest contract-tests.toml or pyproject.toml.",
}
"""Those of `contract-tests` that it has too, as --contract-NAME; a test holds them equal."""

REPEATED = frozenset({"header", "workflow", "area", "only", "skip", "require", "code"})
FLAGS = frozenset({"insecure", "keep-sessions"})
