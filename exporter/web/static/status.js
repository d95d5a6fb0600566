// Shows what api/v1/flows says, anew every two seconds; ages count on in between.
// Everything from there is put in as text, never as markup: it names strangers' websites.

const POLL_MS = 2000;
const STEP_LOOKS = {
  AWAITING_INPUT: "wait", AWAITING_EXTERNAL_ACTION: "wait", DISCOVERING: "work", SUBMITTING: "work",
};
const OUTCOME_LOOKS = { success: "good", failed: "bad", expired: "bad", unknown: "bad" };

const find = (id) => document.getElementById(id);
let report = null;
let receivedAt = 0; // by the browser's monotonic clock
let reachedAt = null;

function make(tag, text, look) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (look) element.className = look;
  return element;
}

function span(seconds) {
  const s = Math.max(0, seconds);
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${Math.floor(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} m`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

// The age of a moment, kept up to date by tick().
function age(moment) {
  const cell = make("td", "", "number");
  cell.dataset.moment = moment;
  return cell;
}

function badge(text, look) {
  const cell = make("td");
  cell.append(make("span", text, `badge ${look ?? ""}`));
  return cell;
}

function name(text) {
  const cell = make("td", text || "–", "name");
  cell.title = text;
  return cell;
}

function code(text) {
  const cell = make("td", text.slice(0, 12), "code");
  cell.title = text;
  return cell;
}

const says = (error) => (error ? `${error.category}: ${error.text}` : "");

function openRow(flow) {
  const row = make("tr");
  row.append(
    badge(flow.step, STEP_LOOKS[flow.step]), age(flow.step_entered_seconds),
    name(flow.domain), name(flow.profile_name), make("td", flow.flow_type),
    age(flow.started_seconds), make("td", says(flow.website_error), "free"),
    code(flow.connection_id),
  );
  return row;
}

function endedRow(flow) {
  const row = make("tr");
  const took = flow.duration_seconds === null ? "not seen whole" : span(flow.duration_seconds);
  const why = [flow.error_code, says(flow.website_error)].filter(Boolean).join(" · ");
  row.append(
    badge(flow.outcome, OUTCOME_LOOKS[flow.outcome]), age(flow.ended_seconds),
    name(flow.domain), name(flow.profile_name), make("td", flow.flow_type),
    make("td", took, "number"), make("td", why, "free"), make("td", flow.last_step),
    code(flow.trace_id),
  );
  return row;
}

function fill(id, rows, nothing) {
  if (!rows.length) {
    const row = make("tr");
    const cell = make("td", nothing, "empty");
    cell.colSpan = 9;
    row.append(cell);
    rows = [row];
  }
  find(id).replaceChildren(...rows);
}

function pair(term, value, look) {
  const group = make("div", undefined, look);
  group.append(make("dt", term), make("dd", String(value)));
  return group;
}

function tally(id, counts) {
  const groups = Object.entries(counts).map(([term, count]) => pair(term, count));
  find(id).replaceChildren(...(groups.length ? groups : [make("div", "none so far", "empty")]));
}

function condition(id, state) {
  find(id).className = `condition ${state.ready ? "ready" : "not-ready"}`;
  find(id).querySelector("span").textContent = state.reason;
}

function show() {
  const { totals, in_progress, ended, readiness } = report;
  const outcomes = totals.ended_by_outcome;
  const failures = outcomes.failed + outcomes.expired + outcomes.unknown;
  condition("source", readiness.source);
  condition("sink", readiness.sink);
  find("totals").replaceChildren(
    pair("in progress", totals.in_progress), pair("started", totals.started),
    pair("succeeded", outcomes.success), pair("failed", outcomes.failed, outcomes.failed && "bad"),
    pair("expired", outcomes.expired, outcomes.expired && "bad"),
    pair("canceled", outcomes.canceled), pair("superseded", outcomes.superseded),
    pair("unknown", outcomes.unknown, outcomes.unknown && "bad"), pair("gaps", totals.gaps),
    pair("streams", totals.streams_open), pair("followed", totals.connections_followed),
  );
  const hidden = totals.in_progress - in_progress.length;
  find("in-progress-count").textContent =
    hidden > 0 ? `the ${in_progress.length} longest in their step, of ${totals.in_progress}` : "";
  fill("in-progress", in_progress.map(openRow), "No login is in progress.");
  const failuresOnly = find("failures-only").checked;
  const shown = failuresOnly ? ended.filter((flow) => flow.failure) : ended;
  find("ended-count").textContent = failures ? `${failures} failures in all` : "";
  fill("ended", shown.map(endedRow), failuresOnly ? "No failure to show yet." : "No flow to show yet.");
  tally("website-errors", totals.website_errors_by_category);
  tally("illegal-transitions", totals.illegal_transitions_by_reason);
  tick();
}

function tick() {
  if (report) {
    const now = report.now_seconds + (performance.now() - receivedAt) / 1000;
    for (const cell of document.querySelectorAll("[data-moment]")) {
      cell.textContent = span(now - Number(cell.dataset.moment));
    }
  }
}

async function poll() {
  try {
    const answer = await fetch("api/v1/flows", { signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) throw new Error(String(answer.status));
    report = await answer.json();
    receivedAt = performance.now();
    reachedAt = new Date();
    find("lost").hidden = true;
    show();
  } catch {
    const since = reachedAt ? `since ${reachedAt.toLocaleTimeString()}` : "so far";
    find("lost").textContent = `No answer from the exporter ${since}; what is below is older.`;
    find("lost").hidden = false;
  }
  setTimeout(poll, document.hidden ? 5 * POLL_MS : POLL_MS);
}

find("failures-only").addEventListener("change", () => report && show());
setInterval(tick, 1000);
poll();
