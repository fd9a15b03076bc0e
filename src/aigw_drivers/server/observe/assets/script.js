// Draws what /page/events says, once a second. It loads nothing else, and everything that it shows is set as text.
// If nothing comes, it says that the numbers are not live, and tries again for as long as the page is open.
"use strict";

const SHORTEST_MS = 1000;
const LONGEST_MS = 30000;
const SILENCE_MS = 10000; // the gateway tells something each second

const $ = (id) => document.getElementById(id);
let source = null;
let silence = null;
let again = null;
let tries = 0;
let drawnAt = null;

function say(text) {
  if ($("status").textContent !== text) $("status").textContent = text; // it is read aloud when it changes
}

function put(name, text) {
  document.querySelector(`[data-value="${name}"]`).textContent = text;
}

function seconds(value) {
  if (value === null) return "–";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  return value < 100 ? `${value.toFixed(1)} s` : span(value);
}

function span(value) {
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const at = parts.findIndex(([size]) => value >= size);
  if (at < 0) return "0 s";
  const shown = parts.slice(at, at + 2).map(([size, unit], index) => {
    const whole = Math.floor((index ? value % parts[at][0] : value) / size);
    return `${whole} ${unit}`;
  });
  return shown.join(" ");
}

function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let at = 0;
  for (; value >= 1024 && at < units.length - 1; at += 1) value /= 1024;
  return `${value.toFixed(at ? 1 : 0)} ${units[at]}`;
}

function count(value) {
  return value.toLocaleString("en");
}

function fill(id, rows, none) {
  const body = $(id);
  const width = body.parentElement.querySelectorAll("th").length;
  const drawn = rows.map((cells) => {
    const row = document.createElement("tr");
    cells.forEach(([text, name], index) => {
      const cell = document.createElement(index ? "td" : "th");
      if (!index) cell.scope = "row";
      cell.textContent = text;
      if (name) cell.className = name;
      row.append(cell);
    });
    return row;
  });
  if (!drawn.length) {
    const row = document.createElement("tr");
    const cell = document.createElement("td");
    cell.colSpan = width;
    cell.className = "none";
    cell.textContent = none;
    row.append(cell);
    drawn.push(row);
  }
  body.replaceChildren(...drawn);
}

function curve(points) {
  const most = Math.max(1, ...points.map(([all]) => all));
  const drawn = [];
  points.forEach(([all, failed], at) => {
    for (const [value, name] of [[all, "all"], [failed, "failed"]]) {
      if (!value) continue;
      const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const height = (58 * value) / most;
      bar.setAttribute("x", at);
      bar.setAttribute("y", 60 - height);
      bar.setAttribute("width", 0.9);
      bar.setAttribute("height", height);
      bar.setAttribute("class", name);
      drawn.push(bar);
    }
  });
  $("curve").replaceChildren(...drawn);
  const [all, failed] = points.reduce(([a, f], [b, g]) => [a + b, f + g], [0, 0]);
  $("curve-words").textContent = `${count(all)} exchanges, ${count(failed)} failed; at most ${most} in a second.`;
  const minute = points.slice(-60).reduce((sum, [value]) => sum + value, 0);
  put("rate", (minute / 60).toFixed(1));
  put("failing", all ? `${((100 * failed) / all).toFixed(1)} %` : "–");
}

function draw(state) {
  put("exchanges", count(state.open.exchanges));
  put("sessions", count(state.open.sessions));
  put("first", seconds(state.first_content.p50));
  put("first95", seconds(state.first_content.p95));
  put("duration", seconds(state.duration.p50));
  put("duration95", seconds(state.duration.p95));
  put("total", count(state.totals.exchanges));
  for (const name of ["failed", "cached", "refused", "tokens_in", "tokens_out"]) put(name, count(state.totals[name]));
  put("cost", state.totals.cost.toFixed(4));
  put("unsent", bytes(state.open.send_buffer_bytes));
  put("upstream", count(state.open.upstream_connections));
  put("waiting", count(state.open.waiting_calls));
  put("up", span(state.up_s));
  curve(state.curve);
  fill("providers", state.providers.map((one) => [
    [one.name], [one.health, one.health], [count(one.attempts), "number"], [count(one.failed), "number"],
    [seconds(one.median_s), "number"],
    [one.last_error === null ? "" : `${one.last_error}, ${span(one.last_error_ago_s)} ago`],
  ]), "No request has gone to a provider yet.");
  fill("errors", state.errors.map(([kind, number]) => [[kind], [count(number), "number"]]), "None.");
  fill("exchanges", state.exchanges.map((one) => [
    [one.id], [one.gateway], [one.provider], [String(one.attempts), "number"], [seconds(one.age_s), "number"],
  ]), "None.");
  fill("sessions", state.sessions.map((one) => [
    [one.id], [one.mode], [one.gateway], [one.provider], [seconds(one.age_s), "number"],
  ]), "None.");
  $("numbers").hidden = false;
  say(`aigw ${state.version}, live`);
}

function notLive(why) {
  if (source !== null) source.close();
  source = null;
  clearTimeout(silence);
  clearTimeout(again);
  document.body.classList.add("stale");
  // no count of seconds: it would be read aloud with each try
  const of = drawnAt === null ? "" : ` The numbers are those of ${drawnAt.toLocaleTimeString("en-GB")}.`;
  say(`Not live: ${why}. Trying again.${of}`);
  const wait = Math.min(LONGEST_MS, SHORTEST_MS * 2 ** tries);
  tries += 1;
  again = setTimeout(begin, wait * (0.5 + Math.random() / 2)); // not all pages at once, after a restart
}

function hear() {
  clearTimeout(silence);
  silence = setTimeout(() => notLive("the gateway says nothing"), SILENCE_MS);
}

function listen() {
  $("locked").hidden = true;
  source = new EventSource("/page/events");
  hear();
  source.onmessage = (event) => {
    hear();
    tries = 0;
    drawnAt = new Date();
    document.body.classList.remove("stale");
    draw(JSON.parse(event.data));
  };
  source.onerror = () => notLive("the gateway does not answer");
}

async function begin() {
  let answer;
  try {
    answer = await fetch("/page/session");
  } catch {
    notLive("the gateway does not answer");
    return;
  }
  if (answer.ok) {
    listen();
  } else if (answer.status === 401) {
    tries = 0;
    document.body.classList.remove("stale");
    $("numbers").hidden = true;
    $("locked").hidden = false;
    say("This page wants a token.");
  } else if (answer.status === 503) {
    notLive("the gateway is going away");
  } else {
    notLive(`the gateway refuses the page (${answer.status})`);
  }
}

$("unlock").addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = $("token").value;
  $("token").value = "";
  let answer;
  try {
    answer = await fetch("/page/session", { method: "POST", headers: { authorization: `Bearer ${token}` } });
  } catch {
    $("wrong").textContent = "The gateway does not answer. Try again.";
    return;
  }
  if (answer.ok) $("wrong").textContent = "";
  else if (answer.status === 401) $("wrong").textContent = "This is not the token.";
  else $("wrong").textContent = `The gateway refuses (${answer.status}). Try again later.`;
  if (answer.ok) listen();
});

begin();
