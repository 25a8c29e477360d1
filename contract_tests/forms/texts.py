"""Texts that a form has to carry, and that careless servers read as something else."""

from __future__ import annotations

# Both spellings of a space, and everything that a form, a shell, a template or a page might read;
# characters that normal forms change, that are nothing to see, and that some encodings lack.
TRICKY = (
    " a+b c&d=e%20f;g?h/i#j\\k \"l\" 'm' <n> {{ 7*7 }} ${7*7} $HOME %s {0}\t%2B%26 two  spaces "
    "zwölf Ämter 日本語 \U0001f600 e\u0301 \ufb01\u00bd \u200f\u200b\u00a0\u2028\r\nsecond line\n "
)

ODD = "-Üß 日 \U0001f600+%2B&=/?#'\";:<>.Z"
"""What may follow in an id."""

LONG_CHARACTERS = 70_000
"""More than 64 KiB."""
