"""Drift: what a client that was built for the kit's document would notice of a server.

`published` compares what the server publishes with the document, `sent` what it sends; both look at
schemas by `views`. `requests` asks, `changes` says what a difference is.
"""
