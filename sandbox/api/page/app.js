"use strict";

const PERIOD = 1000; // milliseconds
const EVENTS_SHOWN = 12;
const FAILING = 0.05; // share of failed requests
const DOWN = ["failed", "backoff", "unhealthy"];
const GONE = ["stopping", "stopped"];

const place = (id) => document.getElementById(id);
let lastSequence = 0;
let recent = [];

function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

function link(url, text) {
  const made = element("a", text);
  made.href = url;
  made.rel = "noreferrer";
  made.target = "_blank";
  return made;
}

const rate = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(1));

function latency(milliseconds) {
  if (milliseconds === null) return "–";
  return milliseconds < 10 ? `${milliseconds.toFixed(1)} ms` : `${milliseconds.toFixed(0)} ms`;
}

function numbers(signals) {
  if (!signals || signals.requests_per_second === 0) {
    return ["–", "–", "–", "–"].map((text) => element("td", text, "number quiet"));
  }
  const errors = signals.errors_per_second / signals.requests_per_second;
  return [
    element("td", rate(signals.requests_per_second), "number"),
    element("td", errors > 0 ? `${(100 * errors).toFixed(1)} %` : "0 %", errors > 0 ? "number bad" : "number"),
    element("td", latency(signals.p50), "number"),
    element("td", latency(signals.p99), "number"),
  ];
}

function addresses(service) {
  const cell = element("td", "", "address");
  if (service.url) {
    cell.append(link(service.url, new URL(service.url).host));
    return cell;
  }
  const found = service.instances.map((instance) => instance.address).filter(Boolean);
  cell.textContent = found.length > 1 ? `${found[0]} +${found.length - 1}` : found.join("");
  cell.title = found.join("\n");
  return cell;
}

/* As in the cockpit: what is healthy and answers with errors is not called healthy. */
function condition(service, signals) {
  const failed = signals && signals.requests_per_second ? signals.errors_per_second / signals.requests_per_second : 0;
  if (DOWN.includes(service.status)) return { rank: 0, words: service.status, look: service.status };
  if (failed >= FAILING) {
    const words = service.status === "healthy" ? `failing ${(100 * failed).toFixed(0)} %` : service.status;
    return { rank: 1, words, look: "failing" };
  }
  return { rank: GONE.includes(service.status) ? 2 : 3, words: service.status, look: service.status };
}

function rows(service, signals) {
  const row = element("tr");
  const status = element("td");
  const { words, look } = condition(service, signals);
  status.append(element("span", words, `status ${look}`));
  row.append(element("td", service.name, "name"), status);
  row.append(element("td", `${service.ready}/${service.replicas}`, "number"), ...numbers(signals), addresses(service));
  if (!service.reason) return [row];
  const because = element("tr", "", "because");
  const reason = element("td", service.reason, "reason");
  reason.colSpan = 7;
  because.append(element("td"), reason);
  return [row, because];
}

function showProject(status, telemetry) {
  const words = status.services.map((service) => condition(service, telemetry.services[service.name]).words);
  const healthy = words.filter((said) => said === "healthy").length;
  document.title = `${status.project} · ${healthy}/${status.services.length} healthy`;
  place("project").textContent = status.project;
  place("summary").textContent = `${healthy} of ${status.services.length} services healthy`;
  place("about").textContent = `runtime: ${status.runtime} · proxy: Envoy ${status.proxy.version ?? ""} ${status.proxy.status}`;
  if (status.gateway) place("places").replaceChildren(link(status.gateway, "open the app"));
  const rejected = status.proxy.rejected.map((words) => `the proxy refused: ${words}`);
  const paused = status.watch.state === "paused" ? ["watching is paused: what is saved waits"] : [];
  const told = [...rejected, ...status.warnings, ...paused, ...status.notices];
  place("notices").replaceChildren(...told.map((text) => element("li", text)));
}

function showEvents(events) {
  if (events.length === 0) return;
  lastSequence = events[events.length - 1].sequence;
  recent = [...recent, ...events].slice(-EVENTS_SHOWN);
  const items = recent.toReversed().map((event) => {
    const item = element("li", "", event.severity);
    item.title = event.detail;
    item.append(element("time", new Date(1000 * event.at).toTimeString().slice(0, 8)), element("span", event.message));
    return item;
  });
  place("events").replaceChildren(...items);
}

function showTrouble(text) {
  place("trouble").textContent = text;
  place("trouble").hidden = text === "";
}

async function ask(path) {
  const response = await fetch(path);
  if (response.status === 401) {
    location.reload(); // the server answers with the login page
    throw new Error("The session has ended.");
  }
  if (!response.ok) throw new Error((await response.json()).error.message);
  return response;
}

async function update() {
  const [status, telemetry, lines] = await Promise.all([
    ask("/api/status").then((response) => response.json()),
    ask("/api/telemetry").then((response) => response.json()),
    ask(`/api/events?after=${lastSequence}`).then((response) => response.text()),
  ]);
  showProject(status, telemetry);
  const rank = (service) => condition(service, telemetry.services[service.name]).rank;
  place("services").replaceChildren(
    ...status.services
      .toSorted((one, other) => rank(one) - rank(other))
      .flatMap((service) => rows(service, telemetry.services[service.name])),
  );
  offerServices(status.services.map((service) => service.name));
  showEvents(lines.split("\n").filter(Boolean).map((line) => JSON.parse(line)).filter((event) => event.sequence));
  showTrouble("");
}

async function run() {
  try {
    await update();
  } catch (error) {
    const gone = error instanceof TypeError; // what fetch raises when nobody answers
    showTrouble(gone ? "The supervisor does not answer. Is the project still up?" : error.message);
  }
  setTimeout(run, PERIOD);
}

run();
