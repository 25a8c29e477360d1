"""Contract tests: judge any implementation of the AgentOS workflow API against the document.

Layers, each knowing only those before it:

    form, curl            what a body means; how a request is shown
    client                requests go out and answers come in, within limits and a budget of runs
    findings              what was exercised, what was broken
    answers, streams      judge any answer, any run's stream or batch body
    target, plan          what is there to test; which runs will be made
    context, registry     what a check is given; how it is registered
    checks/*              the probes, by area
    session               runs them all and settles each requirement's status
    replay                saves failures, and runs only what shows them again
    drift/*               what differs from the kit's document, instead of what breaks it
    reporting, cli        for people and machines
    pytest_plugin         the same in a pytest suite
"""
