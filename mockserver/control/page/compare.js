// Two runs side by side, aligned by their events.

import { html, useMemo } from "./vendor/htm-preact.js";

/** Members that differ between any two runs and say nothing. */
const IDS = new Set(["run_id", "session_id", "step_id", "parent_step_id", "parent_run_id", "workflow_run_id", "created_at", "event_id", "tool_call_id", "event_index"]);

export function Compare({ runs, onDrop }) {
  if (runs.length < 2) {
    return html`<p class="empty">Tick two runs in the list of runs to see where they part.</p>`;
  }
  const [one, other] = runs;
  const rows = useMemo(() => align(one.events, other.events), [one.events, one.events.length, other.events, other.events.length]);
  const different = rows.filter((row) => row.mark !== "same").length;
  return html`
    <section aria-label="Two runs compared">
      <p>${different === 0 ? "Both runs said the same, ids and times aside." : `${different} of ${rows.length} places differ; ids and times are not compared.`}</p>
      <div class="scroll">
        <table class="list compare">
          <thead><tr>${[one, other].map((run) => html`<th scope="col">${run.workflow_id} <code>${run.run_id.slice(0, 8)}</code> <button onClick=${() => onDrop(run.run_id)}>Take away</button></th>`)}</tr></thead>
          <tbody>
            ${rows.map(
              (row) => html`<tr class=${row.mark}>
                <td>${row.left && html`<${Cell} event=${row.left} />`}</td>
                <td>${row.right && html`<${Cell} event=${row.right} />`}${row.changes?.map((change) => html`<p class="bad">${change}</p>`)}</td>
              </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </section>
  `;
}

function Cell({ event }) {
  return html`<details><summary><span class="number">${event.time.toFixed(3)}</span> ${event.name} <span class="quiet">${labelOf(event)}</span></summary><pre>${JSON.stringify(event.data, null, 2)}</pre></details>`;
}

function labelOf({ data }) {
  return data?.tool?.tool_name ?? data?.step_name ?? data?.agent_name ?? "";
}

/** Rows of both, by the longest common sequence of what the events are about. */
function align(left, right) {
  const keys = (events) => events.map((event) => `${event.name} ${labelOf(event)}`);
  const rows = [];
  let i = 0;
  let j = 0;
  for (const part of Diff.diffArrays(keys(left), keys(right))) {
    for (let count = 0; count < part.value.length; count += 1) {
      if (part.added) rows.push({ mark: "added", right: right[j++] });
      else if (part.removed) rows.push({ mark: "removed", left: left[i++] });
      else {
        const changes = changesOf(left[i].data, right[j].data);
        rows.push({ mark: changes.length ? "changed" : "same", left: left[i++], right: right[j++], changes });
      }
    }
  }
  return rows;
}

function changesOf(before, after) {
  const found = [];
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  for (const name of names) {
    if (IDS.has(name)) continue;
    const [one, other] = [before, after].map((data) => JSON.stringify(masked(data?.[name])));
    if (one !== other) found.push(`${name}: ${short(one)} became ${short(other)}`);
  }
  return found;
}

function masked(value) {
  if (Array.isArray(value)) return value.map(masked);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !IDS.has(name) && name !== "duration" && name !== "time_to_first_token").map(([name, inner]) => [name, masked(inner)]));
}

function short(text) {
  if (text === undefined) return "nothing";
  return text.length > 90 ? `${text.slice(0, 90)}…` : text;
}
