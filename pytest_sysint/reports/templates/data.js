"use strict";

// The data of the page, as `_page_data.py` lays it out: texts are places in one list.
const page = JSON.parse(document.getElementById("data").textContent);
const text = (place) => page.texts[place];

const results = page.results.map((row, index) => ({
  index,
  name: text(row[0]),
  kind: text(row[1]),
  integration: text(row[2]),
  tenant: text(row[3]),
  severity: page.severities[row[4]],
  severityRank: row[4],
  status: page.statuses[row[5]],
  flaky: Boolean(row[6] & 1),
  degraded: Boolean(row[6] & 2),
  measuredAlone: Boolean(row[6] & 4),
  handwritten: Boolean(row[6] & 8),
  ms: row[7], // -1 where nothing was run
  at: page.start + row[8],
  nodeid: row[9] === row[10] ? text(row[10]) : [text(row[9]), text(row[10])].filter(Boolean).join("::"),
  row,
}));
const inCards = new Set(page.cards);

/** What a row of the table does not show: decoded when it is opened. */
function details(result) {
  const [timings, assertions, more = {}] = result.row.slice(11);
  const [phases, ...times] = timings.length ? timings : [null];
  const texts = (name) => (name in more ? text(more[name]) : "");
  return {
    timings: timings.length ? page.phases[phases].map((phase, at) => ({ phase: text(phase), ms: times[at] })) : [],
    assertions: assertions.map((place) => {
      const [name, state, message, expected, actual] = page.assertions[place];
      return {
        name: text(name), state: page.states[state], message: text(message),
        expected: text(expected), actual: text(actual),
      };
    }),
    error: texts("error"),
    cause: texts("cause"),
    reproduce: texts("reproduce"),
    rung: texts("rung"),
    blockedBy: texts("blockedBy"),
    skipReason: texts("skipReason"),
    description: texts("description"),
    metrics: (more.metrics ?? []).map(([name, value]) => ({ name: text(name), value })),
    attempts: (more.attempts ?? []).map(([number, ms, status, message, rung]) => ({
      number, ms, status: page.statuses[status], message: text(message), rung: text(rung),
    })),
    exchanges: (more.exchanges ?? []).map(([title, sent, received, ms]) => ({
      title: text(title), sent: text(sent), received: text(received), ms,
    })),
    logs: (more.logs ?? []).map(text),
    leftOut: more.leftOut ?? 0,
  };
}

/** The same words for milliseconds as everywhere else in the report. */
function duration(ms) {
  if (ms < 1000) return `${Number(ms.toPrecision(3))} ms`;
  if (ms < 60000) return `${Number((ms / 1000).toPrecision(3))} s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const moment = (at) => new Date(at).toISOString().replace("T", " ").slice(0, 23);
const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

/** An element; whatever is put into it is text or an element, never markup. */
function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== "" && child !== false));
  return element;
}

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}
