"""Where what is remembered may part from the contract: each method's default is the contract."""

from __future__ import annotations


class SessionHooks:
    """What is asked when sessions and runs are kept or read."""
