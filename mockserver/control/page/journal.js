// The requests that came, with their answers.

import { html, useState } from "./vendor/htm-preact.js";
import { clockTime } from "./runs.js";

export function Journal({ entries, scope, onRun }) {
  const [open, setOpen] = useState(null);
  const [search, setSearch] = useState("");
  const wanted = search.trim().toLowerCase();
  const found = wanted ? entries.filter((entry) => JSON.stringify(entry).toLowerCase().includes(wanted)) : entries;
  const har = `journal?format=har${scope ? `&scope=${encodeURIComponent(scope)}` : ""}`;
  return html`
    <section aria-label="Journal">
      <div class="bar-of">
        <h2>Journal</h2>
        <input type="search" placeholder="Search the requests" aria-label="Search the requests" value=${search} onInput=${(event) => setSearch(event.currentTarget.value)} />
        <a href=${har} download="agentos-mock.har">Save as HAR</a>
      </div>
      ${!found.length && html`<p class="empty">No requests${wanted ? " with that in them" : " yet"}.</p>`}
      ${found.length > 0 && html`<div class="scroll"><table class="list">
        <caption class="hidden">Requests, the newest first</caption>
        <thead><tr><th scope="col">Time</th><th scope="col">Request</th><th scope="col">Status</th><th scope="col">Took</th></tr></thead>
        <tbody>
          ${found.map((entry) => {
            const isOpen = open === entry.id;
            const { request, response } = entry;
            return html`
              <tr key=${entry.id} class=${isOpen ? "selected" : ""}>
                <td class="quiet time">${clockTime(entry.time)}</td>
                <td><button class="link" aria-expanded=${String(isOpen)} onClick=${() => setOpen(isOpen ? null : entry.id)}><b>${request.method}</b> ${request.path}</button></td>
                <td class=${(response?.status ?? 0) >= 400 ? "bad" : ""}>${response ? response.status : "under way"}</td>
                <td class="number">${entry.duration === undefined || entry.duration === null ? (response ? "under way" : "") : `${(entry.duration * 1000).toFixed(0)} ms`}</td>
              </tr>
              ${isOpen && html`<tr class="whole"><td colspan="4">
                ${entry.run_id && html`<p><a href=${`#run=${entry.run_id}`} onClick=${(event) => {
                  event.preventDefault();
                  onRun(entry.run_id);
                }}>Its run</a></p>`}
                <pre>${JSON.stringify(entry, null, 2)}</pre>
              </td></tr>`}`;
          })}
        </tbody>
      </table></div>`}
    </section>
  `;
}
