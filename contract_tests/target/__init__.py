"""The server under test: the client with its limits, what the server offers, configuration."""
