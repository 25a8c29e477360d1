"""What the mock server and the contract tests share: the document, events, the SSE codec,
the run's state machine and the catalogue of requirements. Nothing here does network I/O.
"""

__version__ = "0.1.0"
