"""Texts that a form has to carry, and that careless servers read as something else."""

from __future__ import annotations

# Both spellings of a space, and everything that a form, a shell, a template or a page might read;
# characters that normal forms change, that are nothing to see, and that some encodings lack.
TRICKY = (
    " a+b c&d=e%20f;g?h/i#j\\k \"l\" 'm' <n> {{ 7*7 }} ${7*7} $HOME %s {0}\t%2B%26 two  spaces "
    "zwölf Ämter 日本語 \U0001f600 e\u0301 \ufb01\u00bd \u200f\u200b\u00a0\u2028\r\nsecond line\n "
    "\u201cu\u201d \u2018v\u2019 \u00abw\u00bb \u2013 \u2014 \u2026 \u2212\u00d7 "
)

SCRIPTS = (
    "Straße ĳ Żółć Ελληνικά Кириллица Հայերեն עברית العربية فارسی हिन्दी বাংলা தமிழ் ไทยนี้ ລາວ བོད་ "
    "မြန်မာ ქართული 한국어 አማርኛ ខ្មែរ ᠮᠣᠩᠭᠣᠯ ひらがな カタカナ 漢字 Tiếng Việt İıẞς "
    "\U00010330\U00010331 \U00013000 \U00020000"
)
"""A word in each of many scripts, of the planes beyond the first too."""

INVISIBLE = (
    "a\u200bb\u200cc\u200dd\u2060e\ufefff\u00adg\u200eh\u200fi\u202aj\u202ek\u202cl\u2066m\u2069n"
    "\u2763\ufe0fo\u3000p\u2003q\u00a0r\u2028s\u2029t\u0085u\u115fv\u3164w\u034fx\u061cy\ue000z\ufffd"
    "\U000e0061\U000e007f \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd"
)
"""Characters that are not seen, between letters; and those that join others into one."""

ESCAPES = (
    r"\n \t \\ \0 \" \u0041 \x41 \101 \U00000041 \ud83d %41 %u0041 %% &amp; &#65; &lt;b&gt; "
    "=?utf-8?q?=41?= =41 $$ `x` ^M {{x}} {% x %} <%= x %> #{x} //x /*x*/ --x ;x 'x' \"x\" null"
)
"""What other languages read as another character, or as code."""

BEFORE, AFTER = "\n\t \u3000", "\u00a0 \t\r\n"
"""White space of many kinds around a text, which is a part of it."""

TEXTS = {
    "reserved characters, spaces and line ends": TRICKY,
    "the scripts of the world": f" {SCRIPTS} ",
    "invisible characters": f" {INVISIBLE} ",
    "escapes": f" {ESCAPES} ",
    "white space around it": f"{BEFORE}word{AFTER}",
}
"""By what they are."""

EVERYTHING = f"{BEFORE}{'|'.join(TEXTS.values())}{AFTER}"

LOOKALIKES = (
    ("null", "{}"),
    ("None", "nil"),
    ("undefined", "12345678901234567890"),
    ("true", "null"),
    ("NaN", "None"),
    ("1e5", "undefined"),
    ("007", "false"),
    ("[1]", "NaN"),
    ('{"a": 1}', "0"),
    (" \t\n ", "007"),
    ("12345678901234567890", "[]"),
)
"""Messages, each with a user_id. They are texts; whoever guesses types takes the message for a
value or for nothing, and the user_id for nobody."""

ODD = (
    f"-Üß+%2B&=/?#'\";:<>.Z \U0001f600 {SCRIPTS}",
    f"-日 {INVISIBLE} \\n \\u0041 %41 &amp; \\ null ﬁ½",
)
"""What may follow in an id, which then has fewer than 255 characters: no column is too short."""

MEDIUM_CHARACTERS = 7_000
"""Long, and still below what servers limit."""

LONG_CHARACTERS = 70_000
"""More than 64 KiB."""

VERY_LONG_CHARACTERS = 300_000
"""More than 256 KiB."""

LONG_ID_CHARACTERS = 2_000


def lines(characters: int) -> str:
    """A text of about so many, no two parts of which are alike."""
    line = "line {:05} of a long message\n"
    count = characters // len(line.format(0)) + 1
    return "".join(line.format(number) for number in range(count)) + "."
