// One run as a timeline: a row for each thing that runs, a bar for when.

import { html, useEffect, useMemo, useRef, useState } from "./vendor/htm-preact.js";
import { colourOf, rowsOf, spansOf } from "./spans.js";

const MAX_ROWS = 400;
const MAX_TICKS = 300;

/**
 * The timeline of a run.
 *
 * `events` each have {name, time (s since the first request), data, about, violations}; `gates` are
 * where it waits; `by` is "time" or "order"; `selected` a span's number.
 */
export function Timeline({ events, gates, isLive, by, isCompact, selected, onSelect, onRelease }) {
  const [closed, setClosed] = useState(new Set());
  const roots = useMemo(() => spansOf(events), [events, events.length]);
  const rows = rowsOf(roots, closed, isCompact);
  const scale = scaleOf(events, by);
  const grid = useRef(null);
  const [focused, setFocused] = useState(0);
  const at = Math.min(focused, rows.length - 1);

  const toggle = (span, isOpen) => {
    const next = new Set(closed);
    if (isOpen) next.delete(span.id);
    else next.add(span.id);
    setClosed(next);
  };
  const move = (to) => {
    const next = Math.max(0, Math.min(rows.length - 1, to));
    setFocused(next);
    grid.current?.querySelectorAll("[role=row]")[next]?.focus();
  };
  const onKey = (event) => {
    const span = rows[at];
    if (!span) return;
    const parent = rows.findLastIndex((row, index) => index < at && row.depth < span.depth);
    const keys = {
      ArrowDown: () => move(at + 1),
      ArrowUp: () => move(at - 1),
      Home: () => move(0),
      End: () => move(rows.length - 1),
      ArrowRight: () => (closed.has(span.id) ? toggle(span, true) : move(at + 1)),
      ArrowLeft: () => (span.children.length && !closed.has(span.id) ? toggle(span, false) : move(Math.max(parent, 0))),
      Enter: () => onSelect(selected === span.id ? null : span.id),
      " ": () => onSelect(selected === span.id ? null : span.id),
    };
    if (keys[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      keys[event.key]();
    }
  };
  if (!rows.length) return html`<p class="quiet">No event yet.</p>`;
  return html`
    <div class="timeline" role="treegrid" aria-label="Timeline of the run" ref=${grid} onKeyDown=${onKey}>
      <${Ruler} scale=${scale} by=${by} />
      ${rows.slice(0, MAX_ROWS).map(
        (span, index) => html`<${Row}
          key=${span.id}
          span=${span}
          scale=${scale}
          gates=${gatesOf(span, gates)}
          isLive=${isLive}
          isOpen=${!closed.has(span.id)}
          isSelected=${selected === span.id}
          tabindex=${index === at ? 0 : -1}
          onFocus=${() => setFocused(index)}
          onToggle=${toggle}
          onSelect=${onSelect}
          onRelease=${onRelease}
        />`,
      )}
    </div>
    ${rows.length > MAX_ROWS && html`<p class="quiet">${rows.length - MAX_ROWS} more rows are not drawn; close some above.</p>`}
  `;
}

function Row({ span, scale, gates, isLive, isOpen, isSelected, tabindex, onFocus, onToggle, onSelect, onRelease }) {
  const isRunning = span.to === null;
  const state = isRunning ? (isLive ? "running" : "never ended") : span.how === "breaks" ? "broken off" : "";
  const left = scale.of(span.start, span.from);
  const right = isRunning ? 100 : scale.of(span.end, span.to + 1);
  const seconds = isRunning ? `from ${span.start.toFixed(2)} s` : `${span.start.toFixed(2)} to ${span.end.toFixed(2)} s`;
  const classes = ["bar", colourOf(span.kind), isRunning ? (isLive ? "running" : "open") : "", span.how === "breaks" ? "broken" : ""];
  return html`
    <div
      role="row"
      class=${`row ${isSelected ? "selected" : ""}`}
      aria-level=${span.depth + 1}
      aria-expanded=${span.children.length ? String(isOpen) : undefined}
      aria-selected=${String(isSelected)}
      tabindex=${tabindex}
      onFocus=${onFocus}
      onClick=${() => onSelect(isSelected ? null : span.id)}
    >
      <div role="gridcell" class="label" style=${`--depth: ${Math.min(span.depth, 10)}`} title=${span.label}>
        <span
          class="twist"
          aria-hidden="true"
          onClick=${(event) => {
            event.stopPropagation();
            onToggle(span, !isOpen);
          }}
          >${span.children.length ? (isOpen ? "▾" : "▸") : ""}</span
        >
        <span class=${`dot ${colourOf(span.kind)}`} aria-hidden="true"></span>
        ${span.label}${state && html` <em class=${state === "running" ? "now" : "bad"}>${state}</em>`}
        ${span.violations > 0 && html` <em class="bad">${span.violations} against the contract</em>`}
      </div>
      <div role="gridcell" class="track">
        <span class="hidden">${seconds}${state ? `, ${state}` : ""}${span.error ? `: ${span.error}` : ""}</span>
        <i class=${classes.join(" ")} style=${`left: ${left}%; width: max(3px, ${right - left}%)`} title=${`${span.label}: ${seconds}`}></i>
        ${span.ticks.slice(0, MAX_TICKS).map((tick) => html`<b class="tick" style=${`left: ${scale.of(tick.time, tick.position + 0.5)}%`}></b>`)}
        ${gates.map(
          (gate) => html`<button class="gate" style=${`left: min(${scale.of(Infinity, Infinity)}%, 100% - 9rem)`}
            onClick=${(event) => {
              event.stopPropagation();
              onRelease(gate);
            }}>Release ${gate.gate}</button>`,
        )}
      </div>
    </div>
  `;
}

/** The gates at which it, and nothing within it, waits. */
function gatesOf(span, gates) {
  return gates.filter((gate) => span.to === null && (gate.step ? gate.step === span.step && span.kind !== "workflow" && isInnermost(span) : span.kind === "workflow"));
}

function isInnermost(span) {
  return !span.children.some((child) => child.to === null);
}

/** Where a time, or a place in the order of events, stands: percent of the whole width. */
function scaleOf(events, by) {
  const last = events.at(-1)?.time ?? 0;
  const count = Math.max(1, events.length);
  const whole = by === "time" ? Math.max(last, 0.001) : count;
  const of = (time, position) => Math.max(0, Math.min(100, (100 * (by === "time" ? time : position)) / whole));
  return { of, whole };
}

function Ruler({ scale, by }) {
  const marks = [0, 0.25, 0.5, 0.75, 1];
  const text = (share) => (by === "time" ? seconds(share * scale.whole) : `event ${Math.round(share * scale.whole)}`);
  return html`<div class="ruler" aria-hidden="true"><span></span><div>${marks.map((share) => html`<span style=${`left: ${100 * share}%`}>${text(share)}</span>`)}</div></div>`;
}

function seconds(value) {
  if (value === 0) return "0";
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(value < 10 ? 2 : 0)} s`;
}

/** A clock's tick while something runs, so that bars grow between two events. */
export function useTick(isRunning) {
  const [, again] = useState(0);
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(() => again((count) => count + 1), 250);
    return () => clearInterval(timer);
  }, [isRunning]);
}
