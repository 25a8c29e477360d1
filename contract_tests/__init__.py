"""Contract tests: judge any implementation of the AgentOS workflow API against the document.

The rooms, each knowing only those below it (pyproject.toml holds that):

    pytest_plugin             the tests in a pytest suite
    cli/                      the command line: options, --help, completion
    commands/                 what each command does
    plugins/                  requirements and checks of one's own
    fuzzing/                  sequences of requests until the time is up
    drift/                    what differs from the kit's document, instead of what breaks it
    learning/                 the profile of a server
    reports/                  for people and machines: terminal, files, timeline, exchange log
    running/                  runs the checks, settles each requirement's status; replays failures
    checks/                   the probes, by area; their registry; the context that each is given
    judging/                  what an answer, a stream or a batch body breaks; what was found so far
    forms/                    what a form's bytes mean
    target/                   the client with its limits, what the server offers, the configuration
"""
