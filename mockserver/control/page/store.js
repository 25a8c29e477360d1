// What the mock has told: runs with their events, rules, journal, of all scopes.

import { control } from "./api.js";

const MAX_RUNS = 200;
const MAX_ENTRIES = 300;

export function createStore(changed) {
  const rules = new Map();
  const entries = new Map();
  const names = new Set();
  const loading = new Set();
  const query = (scope) => (scope ? `?scope=${encodeURIComponent(scope)}` : "");

  const store = {
    runs: new Map(),
    isConnected: false,
    status: null,
    reload: null,
    reloads: 0,
    said: "",

    scopes: (selected) => [...new Set(selected ? [selected, ...names] : names)].sort(),
    runsOf: (scope) => [...store.runs.values()].filter((run) => run.scope === scope).sort((one, other) => other.started - one.started),
    gatesOf: (scope) => store.runsOf(scope).flatMap((run) => run.gates ?? []),
    rulesOf: (scope) => rules.get(scope) ?? [],
    journalOf: (scope) => [...entries.values()].filter((entry) => entry.scope === scope).sort((one, other) => other.id - one.id),

    /** What has just happened, for who does not see it elsewhere. */
    say(text) {
      store.said = text;
      changed();
    },

    /** All that there is of a scope, once its feed is there: nothing falls between. */
    async fill(scope) {
      const [status, scopes] = await Promise.all([control("GET", "status"), control("GET", "scopes")]);
      store.status = status;
      store.reload = status.reload;
      store.isConnected = true;
      names.clear();
      for (const { scope } of scopes) names.add(scope);
      if (!scope || names.has(scope)) {
        const [runs, itsRules, journal] = await Promise.all([
          control("GET", `runs${query(scope)}`),
          control("GET", `rules${query(scope)}`),
          control("GET", `journal${query(scope)}`),
        ]);
        for (const run of runs.slice(0, MAX_RUNS)) put(run);
        rules.set(scope, itsRules);
        for (const entry of journal.slice(-MAX_ENTRIES)) entries.set(entry.id, entry);
      }
      changed();
    },

    /** One item of the feed. */
    take(item) {
      switch (item.kind) {
        case "event": {
          const run = store.runs.get(item.run_id);
          if (!run) break;
          if (run.isLoaded && item.event.index === run.events.length) run.events.push(read(item.event));
          run.event_count = Math.max(run.event_count, item.event.index + 1);
          break;
        }
        case "run":
        case "end":
          put(item.run);
          if (item.kind === "end") store.said = `The run of ${item.run.workflow_id}: ${item.run.state}`;
          break;
        case "gate": {
          const run = store.runs.get(item.gate.run_id);
          if (run) run.gates = [...(run.gates ?? []), item.gate];
          store.said = `A run waits at gate ${item.gate.gate}`;
          break;
        }
        case "released":
          for (const run of store.runsOf(item.scope)) {
            if (!item.run_id || item.run_id === run.run_id) run.gates = (run.gates ?? []).filter(({ gate }) => gate !== item.gate);
          }
          break;
        case "request":
        case "response":
          entries.set(item.entry.id, { ...entries.get(item.entry.id), ...item.entry });
          if (entries.size > 2 * MAX_ENTRIES) entries.delete(entries.keys().next().value);
          break;
        case "rules":
          control("GET", `rules${query(item.scope)}`).then((found) => (rules.set(item.scope, found), changed()), () => {});
          break;
        case "scopes":
          control("GET", "scopes").then((found) => {
            names.clear();
            for (const { scope } of found) names.add(scope);
            changed();
          }, () => {});
          break;
        case "reload":
          store.reload = item.reload;
          store.reloads += 1;
          store.said = item.reload.problems.length ? "The last edit cannot be served" : "The scripts were read again";
          break;
        default:
      }
      changed();
    },

    /** All events of a run. What comes meanwhile comes with them. */
    async load(id) {
      if (loading.has(id)) return;
      loading.add(id);
      try {
        const { events, ...run } = await control("GET", `runs/${encodeURIComponent(id)}`);
        const known = put(run);
        known.events = events.map(read);
        known.isLoaded = true;
      } catch {
        const known = store.runs.get(id);
        if (known) known.isLoaded = true; // The mock has forgotten it: what is here stays.
      } finally {
        loading.delete(id);
        changed();
      }
    },

    disconnected() {
      if (store.isConnected) store.said = "The connection to the mock is lost";
      store.isConnected = false;
      changed();
    },
  };

  function put(run) {
    const known = store.runs.get(run.run_id) ?? { events: [], isLoaded: false };
    const count = Math.max(known.event_count ?? 0, run.event_count);
    Object.assign(known, run, { event_count: count });
    if (known.isLoaded && known.events.length < run.event_count && run.state !== "running") known.isLoaded = false; // a gap
    store.runs.set(run.run_id, known);
    if (run.scope) names.add(run.scope);
    if (store.runs.size > 2 * MAX_RUNS) store.runs.delete(store.runs.keys().next().value);
    return known;
  }

  return store;
}

function read(event) {
  return { ...event, raw: event.data ? JSON.stringify(event.data) : "" };
}
