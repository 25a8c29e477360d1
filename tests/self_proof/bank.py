"""A bank of single faults in what clients send and streams carry, drawn before their checks.

Each is a small ASGI application around a mock, outside the mock's own faults. What share of them
the contract tests find: `python -m tests.self_proof.bank [NAME...]`.
"""

from __future__ import annotations

import html
import json
import re
import sys
import time
import unicodedata
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mockserver.app import Settings, create_app
from mockserver.script.loader import load_scripts
from tests.conftest import serving
from tests.contract_tests.conftest import DOCUMENT, report_on
from tests.self_proof.matrix import SCRIPTS, broken

FIELDS = ("message", "session_id", "user_id")


class Failed(Exception):
    """The answer is this status."""

    def __init__(self, status: int = 500) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class Call:
    """One request for a run, and what the fault keeps of it."""

    headers: dict[str, str]
    form: dict[str, str]
    number: int
    """1 for the first run of this server."""
    beside: int
    """How many are under way, this one among them."""
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def streams(self) -> bool:
        return self.form.get("stream", "true") == "true"


Ask = Callable[[Call], None]
"""Changes the form, or raises Failed."""
Tell = Callable[[Call, dict[str, Any]], Iterable[dict[str, Any]]]
"""The events to send for one; batch bodies have no `event`."""
Wire = Callable[[Call, bytes], bytes]
"""The bytes of a stream's event, or of a batch body."""


@dataclass
class Fault:
    name: str
    ask: Ask = lambda call: None
    tell: Tell | None = None
    wire: Wire | None = None
    gzip: str = ""
    """`held`: nothing is sent before the stream's end; `cut`: its trailer lacks; `false`: only the
    header says so."""
    workflows: tuple[str, ...] = ("brief", "showcase")


class Around:
    """The application with one fault."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.fault = Fault("none")
        self._runs = self._open = 0

    def perform(self, fault: Fault) -> None:
        self.fault, self._runs, self._open = fault, 0, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or scope["method"] != "POST" or not path.endswith("/runs"):
            await self._app(scope, receive, send)
            return
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {k.decode().lower(): v.decode("latin-1") for k, v in scope["headers"]}
        form = dict(parse_qsl(bytes(body).decode("utf-8", "replace"), keep_blank_values=True))
        is_form = headers.get("content-type", "").lower().startswith("application/x-www-form-url")
        self._runs += 1
        self._open += 1
        call = Call(headers, form, self._runs, self._open)
        call.notes["raw"] = bytes(body)
        try:
            before = dict(form)
            if is_form:
                self.fault.ask(call)
            if call.form != before:
                body = bytearray(urlencode(call.form).encode())
            rest = [(k, v) for k, v in scope["headers"] if k.lower() != b"content-length"]
            scope = {**scope, "headers": [*rest, (b"content-length", b"%d" % len(body))]}
            await self._app(scope, _once(bytes(body), receive), self._way(call, send))
        except Failed as failed:
            text = json.dumps({"detail": "it failed", "error_code": "ERROR"}).encode()
            head = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": failed.status, "headers": head})
            await send({"type": "http.response.body", "body": text})
        finally:
            self._open -= 1

    def _way(self, call: Call, send: Send) -> Send:
        fault = self.fault
        state: dict[str, Any] = {"body": b"", "stream": False, "status": 0}
        packer = zlib.compressobj(wbits=31)
        coded = bool(fault.gzip) and "gzip" in call.headers.get("accept-encoding", "")

        async def way(message: Message) -> None:
            if message["type"] == "http.response.start":
                state["status"] = message["status"]
                head = [(k, v) for k, v in message["headers"] if k.lower() != b"content-length"]
                if coded:
                    head.append((b"content-encoding", b"gzip"))
                state["stream"] = any(b"event-stream" in v for _, v in head)
                await send({**message, "headers": head})
                return
            chunk, more = message.get("body", b""), message.get("more_body", False)
            state["body"] += chunk
            if state["stream"]:
                *frames, state["body"] = state["body"].split(b"\n\n")
                out = b"".join(self._frame(call, frame) for frame in frames)
            elif more:
                return
            else:
                out = state["body"]
                if state["status"] == 200 and fault.tell is not None:
                    out = json.dumps(
                        next(iter(fault.tell(call, json.loads(out)))), ensure_ascii=False
                    ).encode("utf-8", "surrogatepass")
                if state["status"] == 200 and fault.wire is not None:
                    out = fault.wire(call, out)
            if coded and fault.gzip != "false":
                out = packer.compress(out) + (
                    b"" if more or fault.gzip == "cut" else packer.flush()
                )
            await send({"type": "http.response.body", "body": out, "more_body": more})

        return way

    def _frame(self, call: Call, frame: bytes) -> bytes:
        fault = self.fault
        _, _, data = frame.partition(b"\ndata: ")
        if not data:
            return frame + b"\n\n"
        events = [json.loads(data)]
        if fault.tell is not None:
            events = list(fault.tell(call, events[0]))
        out = b""
        for event in events:
            text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
            piece = b"event: %b\ndata: %b\n\n" % (
                event["event"].encode(),
                text.encode("utf-8", "surrogatepass"),
            )
            out += fault.wire(call, piece) if fault.wire is not None else piece
        return out


def _once(body: bytes, receive: Receive) -> Receive:
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


# -- ways to be wrong


def fails(pattern: str, *fields: str, mode: str = "", status: int = 500) -> Ask:
    def ask(call: Call) -> None:
        if mode and call.streams != (mode == "stream"):
            return
        if any(re.search(pattern, call.form.get(name, "")) for name in fields or FIELDS):
            raise Failed(status)

    return ask


def changed(change: Callable[[str], str], *fields: str, mode: str = "") -> Ask:
    def ask(call: Call) -> None:
        if mode and call.streams != (mode == "stream"):
            return
        for name in fields or FIELDS:
            if name in call.form:
                call.form[name] = change(call.form[name])

    return ask


def without(pattern: str) -> Callable[[str], str]:
    return lambda text: re.sub(pattern, "", text)


def texts_in(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: texts_in(member, change) for key, member in value.items()}
    if isinstance(value, list):
        return [texts_in(member, change) for member in value]
    return change(value) if isinstance(value, str) else value


def told(change: Callable[[str], str], *names: str, key: str = "content") -> Tell:
    """In streams alone."""

    def tell(call: Call, event: dict[str, Any]) -> Iterable[dict[str, Any]]:
        if "event" in event and (not names or event["event"] in names) and key in event:
            return [{**event, key: texts_in(event[key], change)}]
        return [event]

    return tell


def everywhere(change: Callable[[str], str]) -> Tell:
    def tell(call: Call, event: dict[str, Any]) -> Iterable[dict[str, Any]]:
        if "event" in event:
            return [{**texts_in(event, change), "event": event["event"]}]
        return [event]

    return tell


def lacking(form: str, *names: str) -> Ask:
    """Of a form that is missing a field: fields under these texts count as none."""

    def ask(call: Call) -> None:
        if call.form.get(form) in names:
            del call.form[form]

    return ask


def header_fails(name: str, pattern: str, status: int = 500, *, absent: bool = False) -> Ask:
    def ask(call: Call) -> None:
        value = call.headers.get(name)
        if (value is None and absent) or (value is not None and re.search(pattern, value)):
            raise Failed(status)

    return ask


def accept_decides(call: Call) -> None:
    if call.headers.get("accept", "").strip() in ("application/json",):
        call.form["stream"] = "false"


def beside(count: int) -> Ask:
    def ask(call: Call) -> None:
        if call.beside >= count:
            raise Failed

    return ask


def at_run(first: int, every: int = 0) -> Callable[[Call], bool]:
    return lambda call: call.number % every == 0 if every else call.number >= first


def run_fails(when: Callable[[Call], bool]) -> Ask:
    def ask(call: Call) -> None:
        if when(call):
            raise Failed

    return ask


def loses(name: str, when: Callable[[Call], bool]) -> Tell:
    def tell(call: Call, event: dict[str, Any]) -> Iterable[dict[str, Any]]:
        return [] if event.get("event") == name and when(call) else [event]

    return tell


def batch_loses(key: str, when: Callable[[Call], bool]) -> Tell:
    def tell(call: Call, event: dict[str, Any]) -> Iterable[dict[str, Any]]:
        if "event" not in event and when(call):
            return [{k: v for k, v in event.items() if k != key}]
        return [event]

    return tell


def timed(change: Callable[[Call, float], float]) -> Tell:
    def tell(call: Call, event: dict[str, Any]) -> Iterable[dict[str, Any]]:
        if "created_at" in event:
            return [{**event, "created_at": change(call, event["created_at"])}]
        return [event]

    return tell


def held_tokens(call: Call, event: dict[str, Any]) -> Iterable[dict[str, Any]]:
    held = call.notes.setdefault("held", [])
    if event.get("event") == "RunContent":
        held.append(event)
        return []
    if event.get("event") in ("ModelRequestCompleted", "RunCompleted", "RunContentCompleted"):
        call.notes["held"] = []
        return [*held, event]
    return [event]


def after(count: int, *names: str) -> Tell:
    """What comes after so many events of these names is lost, of each name alike."""

    def tell(call: Call, event: dict[str, Any]) -> Iterable[dict[str, Any]]:
        name = event.get("event")
        if name not in names:
            return [event]
        number = call.notes[name] = call.notes.get(name, 0) + 1
        return [] if number > count else [event]

    return tell


TRACES = {
    "python": 'Traceback (most recent call last):\n  File "/srv/app/run.py", line 9, in go\n',
    "node": "TypeError: x is undefined\n    at run (file:///srv/app/run.mjs:12:7)\n",
    "dotnet": "   at Shop.Runs.Go(String text) in /src/Runs.cs:line 41\n",
    "java": "java.lang.NullPointerException\n\tat shop.Runs.go(Runs.java:41)\n",
    "php": "PHP Fatal error: x in /srv/run.php:3\nStack trace:\n#0 /srv/a.php(3): go()\n",
    "ruby": "/srv/app/run.rb:12:in `go': undefined method (NoMethodError)\n",
}


def trace_in(kind: str, name: str, key: str) -> Tell:
    def tell(call: Call, event: dict[str, Any]) -> Iterable[dict[str, Any]]:
        if event.get("event") == name:
            if key == "step_response.error" and isinstance(event.get("step_response"), dict):
                response = {**event["step_response"], "error": TRACES[kind]}
                return [{**event, "step_response": response}]
            return [{**event, key: TRACES[kind]}]
        return [event]

    return tell


def batch_trace(call: Call, event: dict[str, Any]) -> Iterable[dict[str, Any]]:
    if "event" not in event:
        for result in event.get("step_results", []):
            if isinstance(result, dict) and result.get("success") is False:
                result["error"] = TRACES["python"]
    return [event]


def agent_fails_silently(call: Call, event: dict[str, Any]) -> Iterable[dict[str, Any]]:
    name = event.get("event")
    if name == "RunCompleted":
        about = {k: v for k, v in event.items() if k not in ("content", "metrics", "session_state")}
        call.notes["failed"] = event.get("step_id")
        return [{**about, "event": "RunError", "content": "the model is down"}]
    if name == "StepCompleted" and event.get("step_id") == call.notes.get("failed"):
        response = {**(event.get("step_response") or {}), "content": None, "success": True}
        return [{**event, "content": None, "step_response": response}]
    return [event]


def cut_lines(size: int) -> Wire:
    def wire(call: Call, piece: bytes) -> bytes:
        return piece if len(piece) <= size or not call.streams else piece[:size] + b"\n\n"

    return wire


def chunked_fails(call: Call) -> None:
    if "transfer-encoding" in call.headers:
        raise Failed(411)


def chunked_empty(call: Call) -> None:
    if "transfer-encoding" in call.headers:
        call.form.clear()


def half_character_fails(call: Call) -> None:
    if b"%ED%A0" in call.notes["raw"] or b"%ed%a0" in call.notes["raw"]:
        raise Failed


def invalid_fails(call: Call) -> None:
    if "\ufffd" in call.form.get("message", "") and call.form.get("stream") == "false":
        raise Failed


def half_after(size: int) -> Tell:
    def change(text: str) -> str:
        units = text.encode("utf-16-le", "surrogatepass")
        return units[: 2 * size].decode("utf-16-le", "surrogatepass")

    return told(lambda text: change(text) if "\U0001f600" in text else text)


ECHOING = ("brief", "echoing")
PACED = ("showcase", "talking")
MANY = ("brief", "many")
FAILING = ("showcase", "failing-within")
_MARKS = r"[\u0900-\u0903\u093a-\u094f\u0e31\u0e34-\u0e3a]"

START = int(time.time()) - 3600
"""When the server came up, say."""

BANK: tuple[Fault, ...] = (
    # -- texts
    Fault("hebrew-500", fails(r"[\u0590-\u05ff]", "message")),
    Fault("arabic-500-in-streams", fails(r"[\u0600-\u06ff]", "message", mode="stream")),
    Fault("thai-user-500", fails(r"[\u0e00-\u0e7f]", "user_id")),
    Fault("hangul-session-500", fails(r"[\uac00-\ud7af]", "session_id", mode="stream")),
    Fault("greek-question-marks", changed(lambda t: re.sub(r"[\u0370-\u03ff]", "?", t), "user_id")),
    Fault("vowel-signs-lost", changed(without(_MARKS), "message")),
    Fault(
        "cyrillic-session-lower",
        changed(lambda t: re.sub(r"[\u0400-\u04ff]+", lambda m: m[0].lower(), t), "session_id"),
    ),
    Fault("joiner-lost", changed(without("\u200d"), "message")),
    Fault("inner-bom-lost", changed(without("\ufeff"), "message")),
    Fault("soft-hyphen-lost-in-user", changed(without("\u00ad"), "user_id")),
    Fault("variation-selector-lost-in-streams", tell=told(without("[\ufe00-\ufe0f]"))),
    Fault("bidi-lost-in-streams", tell=told(without("[\u202a-\u202e\u2066-\u2069]"))),
    Fault("backslash-n-read", changed(lambda t: t.replace("\\n", "\n"), "message")),
    Fault(
        "backslash-u-read",
        changed(lambda t: re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), t), "message"),
    ),
    Fault("backslashes-doubled-in-streams", tell=told(lambda t: t.replace("\\", "\\\\"))),
    Fault("html-entity-read-in-session", changed(html.unescape, "session_id")),
    Fault("message-null-missing", lacking("message", "null")),
    Fault("message-None-missing", lacking("message", "None", "undefined")),
    Fault("session-null-none", lacking("session_id", "null")),
    Fault("user-false-none", lacking("user_id", "false", "0")),
    Fault("message-json-500", fails(r"^[\[{].*[\]}]$", "message")),
    Fault("message-true-500", fails(r"^(true|false)$", "message")),
    Fault("message-number", changed(lambda t: str(float(t)) if re.fullmatch(r"\d+e\d+", t) else t)),
    Fault("message-NaN-missing", lacking("message", "NaN", "nan", "Infinity")),
    Fault("session-cut-at-255", changed(lambda t: t[:255], "session_id")),
    Fault("user-500-at-1000", fails(r"(?s)^.{1000}", "user_id")),
    Fault("message-cut-at-256-ki", changed(lambda t: t[: 256 * 1024], "message")),
    Fault("message-500-at-300000", fails(r"(?s)^.{300000}", "message", mode="stream")),
    Fault("events-cut-at-8-kib", wire=cut_lines(8192)),
    Fault("content-cut-at-4000", tell=told(lambda t: t[:4000])),
    Fault(
        "content-shortened-at-10000", tell=told(lambda t: t if len(t) < 10000 else t[:9999] + "…")
    ),
    Fault(
        "tokens-ascii",
        tell=told(lambda t: re.sub(r"[^\x00-\x7f]", "\ufffd", t), "RunContent"),
        workflows=ECHOING,
    ),
    Fault(
        "tokens-emoji-lost",
        tell=told(without("[\U00010000-\U0010ffff]"), "RunContent", "RunCompleted"),
        workflows=ECHOING,
    ),
    Fault("half-character-500", half_character_fails),
    Fault("invalid-utf-8-500", invalid_fails),
    Fault("content-ends-in-half-character", tell=half_after(22)),
    Fault("stream-decoded-twice", changed(unquote, "message", mode="stream")),
    Fault(
        "session-compatibility-form",
        changed(lambda t: unicodedata.normalize("NFKC", t), "session_id"),
    ),
    Fault("user-casefolded", changed(str.casefold, "user_id")),
    Fault("stream-html-escaped", tell=everywhere(lambda t: html.escape(t, quote=False))),
    # -- requests
    Fault("chunked-411", chunked_fails),
    Fault("chunked-empty", chunked_empty),
    Fault("media-type-case-500", header_fails("content-type", r"^[^a-z]", 500)),
    Fault("accept-sse-only-406", header_fails("accept", r"^text/event-stream$", 406)),
    Fault("accept-anything-406", header_fails("accept", r"^\*/\*$", 406)),
    Fault("accept-none-500", header_fails("accept", r"^$", 500, absent=True)),
    Fault("accept-quality-500", header_fails("accept", r";\s*q=")),
    Fault("accept-json-decides", accept_decides),
    Fault("accept-language-500", header_fails("accept-language", r"ar|fr-CH")),
    Fault("gzip-held", gzip="held", workflows=("showcase", "paced")),
    Fault("gzip-cut", gzip="cut"),
    Fault("gzip-false", gzip="false"),
    Fault("br-500", header_fails("accept-encoding", r"\bbr\b")),
    Fault("third-at-once-500", beside(3)),
    Fault("sixth-at-once-500", beside(6)),
    Fault("fourth-at-once-500-in-streams", lambda call: beside(4)(call) if call.streams else None),
    Fault("from-60th-500", run_fails(at_run(60))),
    Fault("hundredth-500", run_fails(at_run(100))),
    # -- streams
    Fault("output-lost-in-tenth", tell=loses("StepOutput", at_run(0, 10))),
    Fault("token-lost-in-tenth", tell=loses("RunContentCompleted", at_run(0, 10))),
    Fault("results-lost-in-tenth-batch", tell=batch_loses("step_results", at_run(0, 10))),
    Fault("outputs-lost-after-20", tell=after(20, "StepOutput"), workflows=MANY),
    Fault(
        "steps-lost-after-20",
        tell=after(20, "StepStarted", "StepOutput", "StepCompleted"),
        workflows=MANY,
    ),
    Fault("step-ends-lost-after-20", tell=after(20, "StepCompleted"), workflows=MANY),
    Fault("tokens-lost-after-12", tell=after(12, "RunContent"), workflows=("brief", "reciting")),
    Fault("tokens-held-back", tell=held_tokens, workflows=PACED),
    Fault(
        "created-at-stands-still",
        tell=timed(lambda call, at: call.notes.setdefault("at", at)),
        workflows=("showcase", "talking"),
    ),
    Fault("created-at-of-the-start", tell=timed(lambda call, at: START)),
    Fault("created-at-hours-behind", tell=timed(lambda call, at: at - 2 * 3600)),
    Fault("created-at-ages-behind", tell=timed(lambda call, at: at % 10_000_000)),
    Fault(
        "trace-python-in-StepError",
        tell=trace_in("python", "StepError", "error"),
        workflows=FAILING,
    ),
    Fault(
        "trace-in-step-response",
        tell=trace_in("java", "StepCompleted", "step_response.error"),
        workflows=FAILING,
    ),
    Fault(
        "trace-node-in-WorkflowError",
        tell=trace_in("node", "WorkflowError", "error"),
        workflows=("showcase", "failing"),
    ),
    Fault(
        "trace-dotnet-in-WorkflowError",
        tell=trace_in("dotnet", "WorkflowError", "error"),
        workflows=("showcase", "failing"),
    ),
    Fault(
        "trace-php-in-WorkflowError",
        tell=trace_in("php", "WorkflowError", "error"),
        workflows=("showcase", "failing"),
    ),
    Fault(
        "trace-ruby-in-WorkflowError",
        tell=trace_in("ruby", "WorkflowError", "error"),
        workflows=("showcase", "failing"),
    ),
    Fault(
        "trace-in-RunError",
        tell=trace_in("python", "RunError", "content"),
        workflows=("showcase", "failing-agent"),
    ),
    Fault("trace-in-batch-result", tell=batch_trace, workflows=FAILING),
    Fault("failed-agent-succeeds", tell=agent_fails_silently),
)


def measure(names: Iterable[str] = ()) -> int:
    from tests.conftest import ROOT

    chosen = set(names)
    workflows = {
        **load_scripts(ROOT / "fixtures" / "conditions").workflows,
        **load_scripts(SCRIPTS).workflows,
    }
    around = Around(create_app(Settings(DOCUMENT, workflows, seed=1)))
    found = count = 0
    with serving(around) as url:
        for fault in (Fault("none", workflows=("showcase", "talking", "failing-within")), *BANK):
            if chosen and fault.name not in chosen:
                continue
            around.perform(fault)
            started = time.monotonic()
            report = report_on(url, seed=3, workflows=fault.workflows, max_examples=50)
            seen = broken(report)
            seconds = time.monotonic() - started
            print(
                f"{fault.name}: {seconds:.1f} s, {report.runs} runs, {sorted(seen) or 'MISSED'}",
                flush=True,
            )
            if fault.name != "none":
                count += 1
                found += bool(seen)
    print(f"found {found} of {count}")
    return 0


if __name__ == "__main__":
    sys.exit(measure(sys.argv[1:]))
