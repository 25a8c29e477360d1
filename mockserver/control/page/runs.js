// The runs of a scope: their list, and one of them with its timeline and raw frames.

import { html, useEffect, useMemo, useRef, useState } from "./vendor/htm-preact.js";
import { control } from "./api.js";
import { Timeline, useTick } from "./timeline.js";

const MAX_FRAMES = 500;

export function RunList({ runs, selected, compared, onSelect, onCompare }) {
  if (!runs.length) {
    return html`<p class="empty">No runs yet. Start one at the left, or let your front end call the mock.</p>`;
  }
  return html`
    <div class="scroll">
      <table class="list">
        <caption class="hidden">Runs, the newest first</caption>
        <thead>
          <tr><th scope="col">Started</th><th scope="col">Workflow</th><th scope="col">State</th><th scope="col">Events</th><th scope="col" class="session">Session</th><th scope="col">Compare</th></tr>
        </thead>
        <tbody>
          ${runs.map(
            (run) => html`<tr key=${run.run_id} class=${run.run_id === selected ? "selected" : ""}>
              <td class="quiet time">${clockTime(run.started)}</td>
              <td><a href=${`#run=${run.run_id}`} aria-current=${run.run_id === selected ? "true" : undefined} onClick=${(event) => {
                event.preventDefault();
                onSelect(run.run_id);
              }}>${run.workflow_id}</a></td>
              <td><${State} run=${run} /></td>
              <td class="number">${run.event_count}</td>
              <td class="id session" title=${run.session_id}>${run.session_id}</td>
              <td><input type="checkbox" aria-label=${`Compare the run of ${run.workflow_id} at ${clockTime(run.started)}`} checked=${compared.includes(run.run_id)} onChange=${() => onCompare(run.run_id)} /></td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  `;
}

export function State({ run }) {
  const text = run.gates?.length ? `waits at ${run.gates.map((gate) => gate.gate).join(", ")}` : run.is_paused ? "paused" : run.state;
  return html`<span class=${`state ${run.gates?.length || run.is_paused ? "held" : run.state}`}>${text}</span>`;
}

export function RunDetail({ run, problem, act }) {
  const [selected, setSelected] = useState(null);
  const [by, setBy] = useState(null);
  const [isCompact, setCompact] = useState(true);
  const isLive = run.state === "running";
  useTick(isLive);
  useEffect(() => setSelected(null), [run.run_id]);
  const events = run.events;
  const last = events.at(-1)?.time ?? 0;
  const scale = by ?? (last > 0.3 ? "time" : "order");
  const shown = useMemo(
    () => (selected === null ? events : events.filter((event) => event.about && isWithin(events, event.about, selected))),
    [events, events.length, selected],
  );
  const steer = (verb) => act(() => control("POST", `runs/${encodeURIComponent(run.run_id)}/${verb}`));
  const release = (gate) => act(() => control("POST", `gates/${encodeURIComponent(gate.gate)}/release`, { run_id: run.run_id, ...(run.scope ? { scope: run.scope } : {}) }));
  return html`
    <section class="detail" aria-label=${`Run of ${run.workflow_id}`}>
      <header class="bar-of">
        <h2>${run.workflow_id} <${State} run=${run} /></h2>
        <div class="tools" role="group" aria-label="Steer the run">
          <button disabled=${!isLive || run.is_paused} onClick=${() => steer("pause")}>Pause</button>
          <button disabled=${!isLive || !run.is_paused} onClick=${() => steer("step")}>One event</button>
          <button disabled=${!isLive || !run.is_paused} onClick=${() => steer("resume")}>Resume</button>
          <button disabled=${!isLive} onClick=${() => steer("cut")} title="Break the connection off">Cut</button>
          <button disabled=${!isLive} onClick=${() => steer("cancel")}>Cancel</button>
        </div>
      </header>
      <p class="quiet ids"><span>run <code>${run.run_id}</code></span> <span>session <code>${run.session_id}</code></span></p>
      ${run.gates?.map((gate) => html`<p class="held-at">Held at gate <b>${gate.gate}</b>${gate.step ? ` in step ${gate.step}` : ""}. <button class="primary" onClick=${() => release(gate)}>Release ${gate.gate}</button></p>`)}
      ${problem && html`<p class="bad" role="alert">${problem}</p>`}
      <div class="tools view" role="group" aria-label="View">
        <label><input type="radio" name="by" checked=${scale === "time"} onChange=${() => setBy("time")} /> by time</label>
        <label><input type="radio" name="by" checked=${scale === "order"} onChange=${() => setBy("order")} /> by order</label>
        <label><input type="checkbox" checked=${!isCompact} onChange=${() => setCompact(!isCompact)} /> model requests too</label>
      </div>
      <div class="split">
        <div>
          <${Timeline} events=${events} gates=${run.gates ?? []} isLive=${isLive} by=${scale} isCompact=${isCompact} selected=${selected} onSelect=${setSelected} onRelease=${release} />
          <${Said} events=${shown} />
        </div>
        <${Frames} events=${shown} isWhole=${selected === null} onAll=${() => setSelected(null)} isLive=${isLive} />
      </div>
    </section>
  `;
}

/** Whether an event is about a span or what runs within it. */
function isWithin(events, about, wanted) {
  const parents = parentsOf(events);
  for (let span = about.span; span !== undefined && span !== null; span = parents.get(span)) if (span === wanted) return true;
  return false;
}

const known = new WeakMap();
function parentsOf(events) {
  const found = known.get(events);
  if (found?.count === events.length) return found.parents;
  const parents = new Map();
  for (const { about } of events) if (about) parents.set(about.span, about.parent);
  known.set(events, { count: events.length, parents });
  return parents;
}

/** What agents have said so far, a paragraph each. */
function Said({ events }) {
  const said = new Map();
  for (const { name, data, about } of events) {
    if (!name.endsWith("RunContent") || typeof data?.content !== "string") continue;
    const whose = about?.span ?? "";
    said.set(whose, { who: data.agent_name ?? data.team_name ?? "", text: (said.get(whose)?.text ?? "") + data.content });
  }
  if (!said.size) return null;
  return html`<details class="said" open><summary>What was said</summary>${[...said.values()].map(({ who, text }) => html`<p>${who && html`<b>${who}</b> `}${text}</p>`)}</details>`;
}

/** The frames as they were sent. */
function Frames({ events, isWhole, onAll, isLive }) {
  const [open, setOpen] = useState(new Set());
  const [search, setSearch] = useState("");
  const end = useRef(null);
  const isAtEnd = useRef(true);
  const wanted = search.trim().toLowerCase();
  const found = wanted ? events.filter((event) => event.raw.toLowerCase().includes(wanted)) : events;
  const listed = found.slice(-MAX_FRAMES);
  useEffect(() => {
    if (isLive && isAtEnd.current && end.current) end.current.scrollTop = end.current.scrollHeight;
  }, [events.length, isLive]);
  const toggle = (index) => {
    const next = new Set(open);
    if (!next.delete(index)) next.add(index);
    setOpen(next);
  };
  return html`
    <div class="frames">
      <div class="bar-of">
        <h3>Frames <span class="quiet">${found.length}</span></h3>
        <input type="search" placeholder="Search the frames" aria-label="Search the frames" value=${search} onInput=${(event) => setSearch(event.currentTarget.value)} />
        ${!isWhole && html`<button onClick=${onAll}>Show all</button>`}
      </div>
      ${found.length > MAX_FRAMES && html`<p class="quiet">The last ${MAX_FRAMES} of ${found.length}; search for others.</p>`}
      <ol ref=${end} tabindex="0" aria-label="Frames" onScroll=${(event) => {
        const list = event.currentTarget;
        isAtEnd.current = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
      }}>
        ${listed.map(
          (event) => html`<li key=${event.index} class=${event.violations?.length ? "wrong" : ""}>
            <button class="frame" aria-expanded=${String(open.has(event.index))} onClick=${() => toggle(event.index)}>
              <span class="number">${event.index}</span><span class="number">${event.time.toFixed(3)}</span>
              <span class="name">${event.name}</span><span class="quiet what">${summary(event)}</span>
            </button>
            ${event.violations?.map((violation) => html`<p class="bad">${violation}</p>`)}
            ${open.has(event.index) && html`<pre>${event.data ? JSON.stringify(event.data, null, 2) : event.raw}</pre>`}
          </li>`,
        )}
      </ol>
    </div>
  `;
}

function summary({ data }) {
  if (!data) return "";
  const who = data.agent_name ?? data.team_name ?? data.step_name ?? data.tool?.tool_name ?? "";
  const what = data.tool?.tool_name ?? data.error ?? data.reason ?? (typeof data.content === "string" ? data.content : "");
  return [who, what].filter(Boolean).join(" · ").slice(0, 120);
}

export function clockTime(epochSeconds) {
  return new Date(epochSeconds * 1000).toLocaleTimeString([], { hour12: false });
}
