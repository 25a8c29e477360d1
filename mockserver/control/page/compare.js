// Two runs side by side, aligned by their events.

import { html, useMemo } from "./vendor/htm-preact.js";

/** Members that differ between any two runs and say nothing. */
const IDS = new Set(["run_id", "session_id", "step_id", "parent_step_id", "parent_run_id", "workflow_run_id", "created_at", "event_id", "tool_call_id", "event_index", "current_run_id", "current_session_id", "step_run_id", "duration", "time_to_first_token", "start_time", "end_time"]);
const MAX_CHANGES = 12;

export function Compare({ runs, onDrop }) {
  if (runs.length < 2) {
    return html`<p class="empty">Tick two runs in the list of runs to see where they part.</p>`;
  }
  const [one, other] = [...runs].sort((left, right) => left.started - right.started);
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

/** What became of an event: each value that differs, by its path. */
function changesOf(before, after) {
  const found = [...differences(before, after, "")];
  const shown = found.slice(0, MAX_CHANGES).map(({ path, one, other }) => `${path}: ${short(one, other)} became ${short(other, one)}`);
  return found.length > MAX_CHANGES ? [...shown, `and ${found.length - MAX_CHANGES} more`] : shown;
}

function* differences(one, other, path) {
  const isArray = Array.isArray(one) && Array.isArray(other) && one.length === other.length;
  const isObject = isPlain(one) && isPlain(other);
  if (isArray || isObject) {
    for (const name of new Set([...Object.keys(one), ...Object.keys(other)])) {
      if (isObject && IDS.has(name)) continue;
      const inner = isArray ? `${path}[${name}]` : path ? `${path}.${name}` : name;
      yield* differences(one[name], other[name], inner);
    }
  } else if (JSON.stringify(masked(one)) !== JSON.stringify(masked(other))) yield { path, one, other };
}

function isPlain(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function masked(value) {
  if (Array.isArray(value)) return value.map(masked);
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !IDS.has(name)).map(([name, inner]) => [name, masked(inner)]));
}

/** A value as JSON; of a long one the part where it begins to differ from the other. */
function short(value, other) {
  if (value === undefined) return "nothing";
  const [text, beside] = [JSON.stringify(value), JSON.stringify(other) ?? ""];
  let same = 0;
  while (same < text.length && text[same] === beside[same]) same += 1;
  const from = text.length > 90 && same > 50 ? same - 25 : 0;
  return `${from ? "…" : ""}${text.slice(from, from + 90)}${text.length > from + 90 ? "…" : ""}`;
}
