// The workflows: their list, one as a tree, and a form that runs it.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { startRun, workflows as workflowsOf } from "./api.js";

export function Workflows({ workflows, selected, scope, departures, reloaded, onSelect, onRule, onStart, onAnswer }) {
  const [search, setSearch] = useState("");
  const wanted = search.trim().toLowerCase();
  const found = workflows.filter(({ id, name }) => `${id} ${name}`.toLowerCase().includes(wanted));
  return html`
    <nav aria-label="Workflows">
      <h2>Workflows</h2>
      ${workflows.length > 8 && html`<input type="search" placeholder="Search" aria-label="Search the workflows" value=${search} onInput=${(event) => setSearch(event.currentTarget.value)} />`}
      <ul class="workflows">
        ${found.map(
          ({ id, name, description }) => html`<li key=${id}>
            <button class=${id === selected ? "selected" : ""} aria-expanded=${String(id === selected)} onClick=${() => onSelect(id === selected ? null : id)} title=${description ?? ""}>${name ?? id}</button>
            ${id === selected && html`<${Workflow} id=${id} scope=${scope} departures=${departures} reloaded=${reloaded} onRule=${onRule} onStart=${onStart} onAnswer=${onAnswer} />`}
          </li>`,
        )}
      </ul>
      ${!found.length && html`<p class="quiet">None has that name.</p>`}
    </nav>
  `;
}

function Workflow({ id, scope, departures, reloaded, onRule, onStart, onAnswer }) {
  const [described, setDescribed] = useState(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let isHere = true;
    workflowsOf(scope, id).then(
      (found) => isHere && (setDescribed(found), setProblem("")),
      (error) => isHere && setProblem(error.message),
    );
    return () => {
      isHere = false;
    };
  }, [id, scope, reloaded]);
  const chosen = useRef(null);
  useEffect(() => intoView(chosen.current), [described?.id]);
  if (problem) return html`<p class="bad" role="alert">${problem}</p>`;
  if (!described) return null;
  return html`
    <div class="chosen" ref=${chosen}>
      ${described.description && html`<p class="quiet">${described.description}</p>`}
      <${RunForm} workflow=${described} scope=${scope} departures=${departures} onStart=${onStart} onAnswer=${onAnswer} />
      <h3>Steps</h3>
      <${Tree} steps=${described.steps ?? []} workflowId=${id} onRule=${onRule} />
    </div>
  `;
}

/** Scroll the list, not the page, so that all of a chosen workflow is seen where there is room. */
function intoView(chosen) {
  const [item, list] = [chosen?.closest("li"), chosen?.closest("nav")];
  if (!item) return;
  const [of, within] = [item.getBoundingClientRect(), list.getBoundingClientRect()];
  if (of.top < within.top || of.bottom > Math.min(within.bottom, innerHeight)) list.scrollTop += of.top - within.top - 8;
}

const STARTS = { Parallel: "ParallelExecution", Condition: "ConditionExecution", Loop: "LoopExecution", Router: "RouterExecution", Steps: "StepsExecution" };

function Tree({ steps, workflowId, onRule }) {
  return html`<ul class="tree">
    ${steps.map((step) => {
      const event = STARTS[step.type] ?? "Step";
      const hold = (when, name) => onRule({ workflow_id: workflowId, answer: { hold: { [when]: name, step: step.name, gate: step.name } } });
      const executor = step.agent ?? step.team;
      const who = executor?.name ?? executor?.id;
      return html`<li>
        <details>
          <summary><span class="kind">${step.type ?? "Step"}</span> ${step.name}${who && html` <span class="quiet">${who}</span>`}</summary>
          ${step.description && html`<p class="quiet">${step.description}</p>`}
          <div class="tools">
            <button onClick=${() => hold("before", `${event}Started`)}>Hold before it</button>
            <button onClick=${() => hold("before", `${event}Completed`)}>Hold before its end</button>
          </div>
        </details>
        ${[step.steps, step.choices, step.else_steps].map((inner, index) => inner?.length > 0 && html`${index === 2 && html`<span class="quiet">else</span>`}<${Tree} steps=${inner} workflowId=${workflowId} onRule=${onRule} />`)}
      </li>`;
    })}
  </ul>`;
}

const ANSWERS = ["scenario", "fault", "vary", "speed", "delay", "code", "seed"];

function RunForm({ workflow, scope, departures, onStart, onAnswer }) {
  const schema = workflow.input_schema;
  const [message, setMessage] = useState(() => (schema ? JSON.stringify(exampleOf(schema), null, 2) : "Tell me about bees"));
  const [form, setForm] = useState({ session_id: "", user_id: "", stream: "true" });
  const [asked, setAsked] = useState({});
  const [isBusy, setBusy] = useState(false);
  const prefer = preferOf(asked);
  const set = (name) => (event) => {
    const { value } = event.currentTarget;
    setForm((form) => ({ ...form, [name]: value }));
  };
  const ask = (name) => (event) => {
    const { value } = event.currentTarget;
    setAsked((asked) => ({ ...asked, [name]: value }));
  };
  const run = async (event) => {
    event.preventDefault();
    // What stands in the fields now: what was typed last may not have been rendered yet.
    const { message, session_id, user_id, stream, ...asked } = Object.fromEntries(new FormData(event.currentTarget));
    setBusy(true);
    onStart();
    try {
      onAnswer(await startRun(workflow.id, { message, session_id, user_id, stream }, { scope, prefer: preferOf(asked) }));
    } catch (error) {
      onAnswer({ status: error.status ?? 0, text: error.message, isStream: false });
    } finally {
      setBusy(false);
    }
  };
  const list = (names, id) => html`<datalist id=${id}>${names.map(({ name, text }) => html`<option value=${name}>${text}</option>`)}</datalist>`;
  return html`
    <form onSubmit=${run}>
      <label>Message${schema && html` <span class="quiet">JSON, by its input_schema</span>`}<textarea name="message" rows=${schema ? 6 : 3} value=${message} onInput=${(event) => setMessage(event.currentTarget.value)} onKeyDown=${(event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form.requestSubmit();
      }}></textarea></label>
      <details>
        <summary>Session, user, mode</summary>
        <label>session_id <input name="session_id" value=${form.session_id} placeholder="a new one" onInput=${set("session_id")} /></label>
        <label>user_id <input name="user_id" value=${form.user_id} placeholder="nobody's" onInput=${set("user_id")} /></label>
        <label>Mode <select name="stream" value=${form.stream} onChange=${set("stream")}><option value="true">stream of events</option><option value="false">one JSON answer</option></select></label>
      </details>
      <details>
        <summary>What to answer with${prefer && html` <code>${prefer}</code>`}</summary>
        <label>Scenario <input name="scenario" list="scenarios" value=${asked.scenario ?? ""} onInput=${ask("scenario")} /></label>
        ${list((departures.scenarios?.[workflow.id] ?? []).map((name) => ({ name, text: "" })), "scenarios")}
        <label>Fault <input name="fault" list="faults" value=${asked.fault ?? ""} onInput=${ask("fault")} /></label>
        ${list(departures.faults ?? [], "faults")}
        <label>Variation <input name="vary" list="variations" value=${asked.vary ?? ""} onInput=${ask("vary")} /></label>
        ${list(departures.variations ?? [], "variations")}
        <div class="pair">
          <label>Speed <input name="speed" inputmode="decimal" placeholder="1" value=${asked.speed ?? ""} onInput=${ask("speed")} /></label>
          <label>Delay, s <input name="delay" inputmode="decimal" placeholder="0" value=${asked.delay ?? ""} onInput=${ask("delay")} /></label>
          <label>Status <input name="code" inputmode="numeric" placeholder="200" value=${asked.code ?? ""} onInput=${ask("code")} /></label>
          <label>Seed <input name="seed" inputmode="numeric" placeholder="any" value=${asked.seed ?? ""} onInput=${ask("seed")} /></label>
        </div>
      </details>
      <div class="tools">
        <button class="primary" type="submit">Run</button>
        <button type="button" onClick=${() => navigator.clipboard?.writeText(curl(workflow.id, { message, ...form }, scope, prefer))}>Copy as curl</button>
        ${isBusy && html`<span class="quiet" role="status">being answered</span>`}
      </div>
    </form>
  `;
}

/** The header `Prefer` of what is asked. */
function preferOf(asked) {
  return ANSWERS.filter((name) => asked[name]?.trim()).map((name) => `${name}=${quoted(asked[name].trim())}`).join(", ");
}

function quoted(text) {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** A value that a JSON Schema allows, as far as its plain keywords say. */
function exampleOf(schema, depth = 0) {
  if (!schema || typeof schema !== "object" || depth > 6) return null;
  if ("default" in schema) return schema.default;
  if (schema.examples?.length) return schema.examples[0];
  if (schema.enum) return schema.enum[0];
  if ("const" in schema) return schema.const;
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "object" || schema.properties) {
    const wanted = new Set(schema.required ?? Object.keys(schema.properties ?? {}));
    return Object.fromEntries(Object.entries(schema.properties ?? {}).filter(([name]) => wanted.has(name)).map(([name, inner]) => [name, exampleOf(inner, depth + 1)]));
  }
  if (type === "array") return [exampleOf(schema.items, depth + 1)];
  if (type === "integer" || type === "number") return schema.minimum ?? 1;
  if (type === "boolean") return true;
  return type === "string" ? "text" : null;
}

function curl(id, form, scope, prefer) {
  const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const url = new URL(`../workflows/${encodeURIComponent(id)}/runs`, location.href);
  const parts = ["curl", "-N", shell(url.href)];
  if (scope) parts.push("-H", shell(`Mock-Scope: ${scope}`));
  if (prefer) parts.push("-H", shell(`Prefer: ${prefer}`));
  for (const [name, value] of Object.entries(form)) if (value !== "") parts.push("--data-urlencode", shell(`${name}=${value}`));
  return parts.join(" ");
}
