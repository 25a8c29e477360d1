// What runs from when to when in a run, as its events tell it.
//
// The server says with each event what it is about (`about`): the number of a span, its parent, and
// whether the event starts it, ends it, breaks it off or is within it. Nothing is judged here.

/** The spans of a run's events: a tree, each with its place in time and in the order of events. */
export function spansOf(events) {
  const spans = new Map();
  const roots = [];
  events.forEach((event, position) => {
    const { about } = event;
    if (!about) return;
    let span = spans.get(about.span);
    if (!span) {
      span = {
        id: about.span, label: about.label, kind: about.kind, children: [], depth: 0,
        from: position, to: null, start: event.time, end: null, how: null,
        ticks: [], text: "", step: event.data?.step_name ?? null, violations: 0, error: "",
      };
      spans.set(about.span, span);
      const parent = spans.get(about.parent);
      if (parent) {
        span.depth = parent.depth + 1;
        parent.children.push(span);
      } else roots.push(span);
    }
    if (about.role === "ends" || about.role === "breaks") {
      close(span, event, position, about.role);
    } else if (about.role === "within") {
      span.ticks.push({ position, time: event.time });
      const said = event.data?.content;
      if (typeof said === "string" && event.name.endsWith("RunContent")) span.text += said;
    }
    if (event.violations?.length) span.violations += event.violations.length;
  });
  return roots;
}

function close(span, event, position, role) {
  span.to = position;
  span.end = event.time;
  span.how = role;
  span.error = event.data?.error ?? event.data?.reason ?? "";
  // What its parent's end left open ends with it: no event of its own says so.
  for (const child of span.children) {
    if (child.to === null) close(child, { time: event.time, data: {} }, position, "left");
  }
}

/** Those that are shown, in the order in which they started. */
export function rowsOf(roots, closed, isCompact) {
  const rows = [];
  const add = (span) => {
    const isHidden = isCompact && (span.kind === "model request" || span.kind === "reasoning");
    if (!isHidden) rows.push(span);
    if (!closed.has(span.id)) span.children.forEach(add);
  };
  roots.forEach(add);
  return rows;
}

/** Which of five colours a span has. */
export function colourOf(kind) {
  if (kind === "workflow" || kind === "step") return kind;
  if (["Parallel", "Condition", "Loop", "loop iteration", "Router", "Steps"].includes(kind)) {
    return "container";
  }
  return kind === "agent or team run" ? "run" : "call";
}
