// The page of the mock: workflows at the left; runs, gates and rules, comparison, journal at the right.

import { html, render, useEffect, useMemo, useReducer, useRef, useState } from "./vendor/htm-preact.js";
import { control, feed, rememberToken, token, workflows as workflowsOf } from "./api.js";
import { Compare } from "./compare.js";
import { Journal } from "./journal.js";
import { Rules } from "./rules.js";
import { RunDetail, RunList } from "./runs.js";
import { createStore } from "./store.js";
import { Workflows } from "./workflows.js";

const VIEWS = { runs: "Runs", rules: "Gates and rules", compare: "Compare", journal: "Journal" };
const THEMES = { system: "light dark", dark: "dark", light: "light" };

function useStore() {
  const [, again] = useReducer((count) => count + 1, 0);
  const store = useRef(null);
  if (!store.current) {
    let isDue = false;
    // Many events come at once: they are drawn together.
    store.current = createStore(() => {
      if (isDue) return;
      isDue = true;
      setTimeout(() => {
        isDue = false;
        again();
      }, 30);
    });
  }
  return store.current;
}

/** What the address says is shown: #view=journal&scope=a-test&run=… */
function useAddress() {
  const read = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const [address, setAddress] = useState(read);
  useEffect(() => {
    const onChange = () => setAddress(read());
    addEventListener("hashchange", onChange);
    return () => removeEventListener("hashchange", onChange);
  }, []);
  const go = (changes) => {
    const next = { ...read(), ...changes };
    for (const [name, value] of Object.entries(next)) if (!value) delete next[name];
    location.hash = new URLSearchParams(next).toString();
  };
  return [address, go];
}

function App() {
  const store = useStore();
  const [address, go] = useAddress();
  const [wantsToken, setWantsToken] = useState(false);
  const [session, again] = useReducer((count) => count + 1, 0);
  const [workflows, setWorkflows] = useState([]);
  const [departures, setDepartures] = useState({});
  const [compared, setCompared] = useState([]);
  const [problem, setProblem] = useState("");
  const scope = address.scope ?? "";
  const view = VIEWS[address.view] ? address.view : "runs";
  const workflow = address.workflow ?? null;

  useEffect(() => {
    const ended = new AbortController();
    follow(store, scope, ended.signal, () => setWantsToken(true));
    return () => ended.abort();
  }, [session, scope]);
  useEffect(() => {
    workflowsOf(scope).then(setWorkflows, (error) => setProblem(error.message));
    control("GET", "departures").then(setDepartures, () => {});
  }, [session, scope, store.reloads]);

  const runs = store.runsOf(scope);
  const run = address.run ? store.runs.get(address.run) : runs[0];
  useEffect(() => {
    if (run && !run.isLoaded) store.load(run.run_id);
    for (const id of compared) if (!store.runs.get(id)?.isLoaded) store.load(id);
  }, [run?.run_id, run?.isLoaded, compared]);

  const act = async (call, done) => {
    setProblem("");
    try {
      await call();
      if (done) store.say(done);
    } catch (error) {
      if (error.status === 401) setWantsToken(true);
      setProblem(error.message);
    }
  };
  const onAnswer = ({ status, text, isStream }) => {
    setProblem(status >= 200 && status < 300 ? "" : `${status || "no answer"}: ${detailOf(text)}`);
    if (isStream && status === 200) store.say("The run's stream has ended");
  };
  const onCompare = (id) => setCompared(compared.includes(id) ? compared.filter((one) => one !== id) : [...compared, id].slice(-2));
  const onRun = (id) => go({ run: id, view: "runs" });
  const gates = store.gatesOf(scope);
  const counts = { runs: runs.length, rules: gates.length, compare: compared.length };

  return html`
    <a class="skip" href="#main" onClick=${(event) => {
      event.preventDefault();
      document.getElementById("main").focus();
    }}>Skip to the runs</a>
    <header class="top">
      <h1>AgentOS mock</h1>
      <${Status} store=${store} />
      <label class="scope">Scope <select value=${scope} onChange=${(event) => go({ scope: event.currentTarget.value, run: "" })}>
        <option value="">all requests without one</option>
        ${store.scopes(scope).map((name) => html`<option key=${name} value=${name} selected=${name === scope}>${name}</option>`)}
      </select></label>
      <${Theme} />
    </header>
    ${wantsToken && html`<${Token} onGiven=${() => (setWantsToken(false), setProblem(""), again())} />`}
    ${store.reload?.problems?.length > 0 && html`<div class="broken" role="alert"><b>The last edit cannot be served; what was good before it is.</b><ul>${store.reload.problems.map((text) => html`<li><code>${text}</code></li>`)}</ul></div>`}
    <div class="columns">
      <${Workflows} workflows=${workflows} selected=${workflow} scope=${scope} departures=${departures} reloaded=${store.reloads}
        onSelect=${(id) => go({ workflow: id })} onStart=${() => go({ run: "", view: "runs" })} onAnswer=${onAnswer}
        onRule=${(rule) => act(() => control("POST", "rules", scope ? { ...rule, scope } : rule), "The rule was made")} />
      <main id="main" tabindex="-1">
        <div class="tabs" role="tablist" aria-label="Views" onKeyDown=${(event) => {
          const names = Object.keys(VIEWS);
          const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
          if (!step) return;
          const next = names[(names.indexOf(view) + step + names.length) % names.length];
          go({ view: next });
          document.getElementById(`tab-${next}`).focus();
        }}>
          ${Object.entries(VIEWS).map(
            ([name, title]) => html`<button role="tab" id=${`tab-${name}`} aria-selected=${String(name === view)} aria-controls="view" tabindex=${name === view ? 0 : -1} onClick=${() => go({ view: name })}>${title}${counts[name] ? html` <span class="count">${counts[name]}</span>` : ""}</button>`,
          )}
        </div>
        <p class="happened quiet" role="status" aria-live="polite">${store.said}</p>
        ${problem && view !== "rules" && html`<p class="bad problem" role="alert">${problem} <button aria-label="Close" onClick=${() => setProblem("")}>✕</button></p>`}
        <div id="view" role="tabpanel" aria-labelledby=${`tab-${view}`}>
          ${view === "runs" && html`
            ${run && html`<${RunDetail} run=${run} act=${act} />`}
            ${!run && address.run && html`<p class="empty">The mock remembers no run ${address.run}${scope ? ` of ${scope}` : ""}.</p>`}
            <h2>Runs</h2>
            <${RunList} runs=${runs} selected=${run?.run_id} compared=${compared} onSelect=${onRun} onCompare=${onCompare} />
          `}
          ${view === "rules" && html`<${Rules} rules=${store.rulesOf(scope)} gates=${gates} workflows=${workflows} scope=${scope} act=${act} problem=${problem} onRun=${onRun} />`}
          ${view === "compare" && html`<${Compare} runs=${compared.map((id) => store.runs.get(id)).filter(Boolean)} onDrop=${onCompare} />`}
          ${view === "journal" && html`<${Journal} entries=${store.journalOf(scope)} scope=${scope} onRun=${onRun} />`}
        </div>
      </main>
    </div>
  `;
}

function detailOf(text) {
  try {
    const { detail } = JSON.parse(text);
    return typeof detail === "string" ? detail : JSON.stringify(detail);
  } catch {
    return text.slice(0, 300);
  }
}

function Status({ store }) {
  const { status } = store;
  return html`<p class="status">
    <span class=${`light ${store.isConnected ? "on" : "off"}`} aria-hidden="true"></span>
    <span role="status">${store.isConnected ? "live" : "not connected"}</span>
    ${status?.document && html`<span>${status.document}</span>`}
    ${status?.profile && html`<span class="badge">as ${status.profile}</span>`}
    ${status && status.speed !== undefined && status.speed !== 1 && html`<span class="badge">speed ${status.speed}</span>`}
    ${status && status.seed !== undefined && status.seed !== null && html`<span class="badge">seed ${status.seed}</span>`}
  </p>`;
}

function Theme() {
  const [theme, setTheme] = useState(() => localStorage.getItem("agentos-mock.theme") ?? "system");
  useEffect(() => {
    document.documentElement.style.colorScheme = THEMES[theme] ?? THEMES.system;
    localStorage.setItem("agentos-mock.theme", theme);
  }, [theme]);
  return html`<label class="theme">Colours <select value=${theme} onChange=${(event) => setTheme(event.currentTarget.value)}>${Object.keys(THEMES).map((name) => html`<option value=${name} selected=${name === theme}>${name}</option>`)}</select></label>`;
}

function Token({ onGiven }) {
  const [text, setText] = useState(token());
  return html`<form class="token" onSubmit=${(event) => {
    event.preventDefault();
    rememberToken(text.trim());
    onGiven();
  }}>
    <label>This mock asks for its token <input type="password" autocomplete="off" value=${text} onInput=${(event) => setText(event.currentTarget.value)} /></label>
    <button class="primary" type="submit">Use it</button>
    <span class="quiet">It is kept in this tab alone.</span>
  </form>`;
}

/** Keep the store as a scope of the mock is: all that there is, then what happens. */
async function follow(store, scope, signal, onRefused) {
  let wait = 200;
  let lastId = "";
  while (!signal.aborted) {
    try {
      for await (const item of feed(scope, lastId, signal)) {
        if (item.kind === "connected") {
          await store.fill(scope);
          wait = 200;
          continue;
        }
        if (item.id) lastId = item.id;
        if (item.kind === "missed") {
          await store.fill(scope);
          continue;
        }
        store.take(item);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 401) {
        store.disconnected();
        onRefused();
        return;
      }
    }
    store.disconnected();
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, 5000);
  }
}

render(html`<${App} />`, document.getElementById("app"));
