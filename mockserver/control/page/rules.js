// Gates and rules of a scope, by click.

import { html, useState } from "./vendor/htm-preact.js";
import { control } from "./api.js";

export function Rules({ rules, gates, workflows, scope, act, problem, onRun }) {
  const inScope = (body) => (scope ? { ...body, scope } : body);
  const add = (body) => act(() => control("POST", "rules", inScope(body)), "The rule was made");
  const release = (gate) => act(() => control("POST", `gates/${encodeURIComponent(gate.gate)}/release`, inScope({ run_id: gate.run_id })));
  return html`
    <section aria-label="Gates and rules">
      ${problem && html`<p class="bad" role="alert">${problem}</p>`}
      <h2>Gates</h2>
      ${gates.length === 0
        ? html`<p class="empty">No run waits at a gate. A rule below can hold one, as can <code>gate:</code> in a script.</p>`
        : html`<table class="list"><caption class="hidden">Where runs wait</caption>
            <thead><tr><th scope="col">Gate</th><th scope="col">Run</th><th scope="col">Step</th><th scope="col"></th></tr></thead>
            <tbody>${gates.map((gate) => html`<tr><td>${gate.gate}</td><td class="id"><a href=${`#run=${gate.run_id}`} onClick=${(event) => {
              event.preventDefault();
              onRun(gate.run_id);
            }}>${gate.run_id}</a></td><td>${gate.step ?? ""}</td><td><button class="primary" onClick=${() => release(gate)}>Release</button></td></tr>`)}</tbody>
          </table>`}
      <h2>Rules</h2>
      <div class="tools" role="group" aria-label="Common rules">
        <button onClick=${() => add({ times: 1, answer: { status: 503, detail: "try later" } })}>Fail the next request: 503</button>
        <button onClick=${() => add({ times: 1, answer: { status: 429, detail: "too many requests", headers: { "Retry-After": "1" } } })}>429 with Retry-After</button>
        <button onClick=${() => add({ times: 1, operation_id: "create_workflow_run", answer: { cut: { after: 5 } } })}>Cut the next stream after 5 events</button>
        <button onClick=${() => add({ times: 1, operation_id: "create_workflow_run", answer: { fail: { after: 5, error: "the model is gone" } } })}>Fail the next run after 5 events</button>
        <button onClick=${() => add({ times: 1, operation_id: "create_workflow_run", answer: { speed: 0.2 } })}>Next run five times slower</button>
      </div>
      <${NewRule} workflows=${workflows} onAdd=${add} />
      ${rules.length === 0
        ? html`<p class="empty">No rules. They are asked in the order in which they were made.</p>`
        : html`<table class="list"><caption class="hidden">Rules</caption>
            <thead><tr><th scope="col">For</th><th scope="col">Answer</th><th scope="col">Used</th><th scope="col"></th></tr></thead>
            <tbody>${rules.map((rule) => html`<tr>
              <td>${subjectOf(rule)}</td>
              <td><code>${JSON.stringify(rule.answer)}</code></td>
              <td class="number">${rule.used ?? 0}${rule.times ? ` of ${rule.times}` : ""}</td>
              <td><button onClick=${() => act(() => control("DELETE", `rules/${encodeURIComponent(rule.id)}`))}>Remove</button></td>
            </tr>`)}</tbody></table>`}
    </section>
  `;
}

function subjectOf(rule) {
  const parts = [rule.workflow_id, rule.operation_id, rule.when && `when ${rule.when}`].filter(Boolean);
  return parts.length ? parts.join(", ") : "any request";
}

const EXAMPLE = '{"hold": {"before": "StepCompleted", "gate": "g"}}';

function NewRule({ workflows, onAdd }) {
  const [workflow, setWorkflow] = useState("");
  const [when, setWhen] = useState("");
  const [times, setTimes] = useState("");
  const [answer, setAnswer] = useState(EXAMPLE);
  const [problem, setProblem] = useState("");
  const submit = (event) => {
    event.preventDefault();
    // What stands in the fields now: what was typed last may not have been rendered yet.
    const { workflow, times, when, answer } = Object.fromEntries(new FormData(event.currentTarget));
    let parsed;
    try {
      parsed = JSON.parse(answer);
    } catch (error) {
      setProblem(`The answer is no JSON: ${error.message}`);
      return;
    }
    setProblem("");
    onAdd({ ...(workflow && { workflow_id: workflow }), ...(when && { when }), ...(times && { times: Number(times) }), answer: parsed });
  };
  return html`
    <details class="new-rule">
      <summary>Any other rule</summary>
      <form onSubmit=${submit}>
        <div class="pair">
          <label>Workflow <select name="workflow" value=${workflow} onChange=${(event) => setWorkflow(event.currentTarget.value)}><option value="">any</option>${workflows.map(({ id }) => html`<option>${id}</option>`)}</select></label>
          <label>Times <input name="times" inputmode="numeric" placeholder="always" value=${times} onInput=${(event) => setTimes(event.currentTarget.value)} /></label>
        </div>
        <label>When <span class="quiet">CEL, such as <code>input.contains("bees")</code></span><input name="when" value=${when} onInput=${(event) => setWhen(event.currentTarget.value)} /></label>
        <label>Answer <span class="quiet">JSON: a status, or scenario, faults, variations, speed, seed, hold, cut, fail</span><textarea name="answer" rows="3" value=${answer} onInput=${(event) => setAnswer(event.currentTarget.value)}></textarea></label>
        ${problem && html`<p class="bad" role="alert">${problem}</p>`}
        <button class="primary" type="submit">Add the rule</button>
      </form>
    </details>
  `;
}
