// What opens below a row of the table. A failure that has a card shows the card's own body.
function detail(result) {
  if (inCards.has(result.index)) {
    const card = document.querySelector(`details.card[data-result="${result.index}"]`);
    const body = card.querySelector(".body").cloneNode(true);
    const message = card.querySelector(".message");
    if (message) body.prepend(message.cloneNode(true));
    return body;
  }
  const more = details(result);
  return el(
    "div",
    { class: "body" },
    more.error && el("p", { class: "message" }, more.error),
    more.skipReason && el("p", { class: "message quiet" }, more.skipReason),
    more.blockedBy && el("p", { class: "message quiet" }, `could not run: ${more.blockedBy} is down`),
    more.cause && el("p", { class: "cause" }, el("strong", {}, "Likely cause"), " ", more.cause),
    more.description && el("p", { class: "description" }, more.description),
    ...ladder(result, more),
    ...assertions(more),
    ...metrics(more),
    more.reproduce && copyable("Reproduce", more.reproduce),
    more.attempts.length > 0 && attempts(more),
    ...more.exchanges.map(exchange),
    more.logs.length > 0 && inner(`Log, ${plural(more.logs.length, "line")}`, block("", more.logs.join("\n"))),
    more.leftOut > 0 && el("p", { class: "left-out" }, `${plural(more.leftOut, "more exchange or log line")} in the JSON report.`),
    nodeId(result),
  );
}

function ladder(result, more) {
  const steps = more.timings.map(({ phase, ms }) => ({ phase, time: duration(ms), broke: phase === more.rung }));
  if (more.rung && !steps.some((step) => step.broke)) steps.push({ phase: more.rung, time: "", broke: true });
  if (!steps.length) return [];
  const items = steps.map(({ phase, time, broke }) =>
    el("li", { class: broke ? "broke" : "held" }, icon(broke ? "failed" : "passed"), el("span", {}, phase),
      time && el("small", {}, time), el("span", { class: "hidden" }, broke ? " broke" : " held")));
  const heading = more.rung ? "How far it got" : "Steps";
  return [el("p", { class: "label" }, heading), el("ol", { class: "ladder" }, ...items)];
}

function assertions(more) {
  if (!more.assertions.length) return [];
  const icons = { passed: "passed", warn: "degraded", failed: "failed" };
  const items = more.assertions.map((one) =>
    el("li", { class: `a-${one.state}` }, icon(icons[one.state]),
      el("div", {}, el("code", {}, one.name), " ", el("span", { class: "hidden" }, one.state), el("span", {}, one.message),
        one.state !== "passed" && (one.expected || one.actual) ? compared(one) : "")));
  return [el("p", { class: "label" }, "Assertions"), el("ul", { class: "assertions" }, ...items)];
}

function compared(one) {
  const part = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
  return el("dl", {}, part("expected", one.expected), part("actual", one.actual));
}

function metrics(more) {
  if (!more.metrics.length) return [];
  const items = more.metrics.map(({ name, value }) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, value === null ? "not a number" : value.toLocaleString("en"))));
  return [el("p", { class: "label" }, "Measured"), el("dl", { class: "metrics" }, ...items)];
}

function attempts(more) {
  const items = more.attempts.map((one) =>
    el("li", {}, el("strong", {}, one.status), ` after ${duration(one.ms)}${one.message ? `: ${one.message}` : ""}`));
  return inner(plural(items.length, "attempt"), el("ol", { class: "attempts" }, ...items));
}

function exchange(one) {
  const title = ["Exchange ", el("code", {}, one.title), one.ms >= 0 ? el("small", {}, ` ${duration(one.ms)}`) : ""];
  return inner(title, one.sent && block("Sent", one.sent), one.received && block("Received", one.received));
}

function inner(title, ...children) {
  const parts = Array.isArray(title) ? title : [title];
  return el("details", { class: "inner" }, el("summary", {}, ...parts), ...children);
}

function block(title, content) {
  const pre = el("pre", { tabindex: "0", role: "group", "aria-label": title || "Log" }, el("code", {}, content));
  return title ? el("div", {}, el("p", { class: "label" }, title), pre) : pre;
}

function copyable(title, content) {
  return el("div", { class: "copyable" }, el("p", { class: "label" }, title),
    el("pre", { tabindex: "0", role: "group", "aria-label": title }, el("code", {}, content)),
    el("button", { type: "button", class: "copy" }, "Copy"));
}

function nodeId(result) {
  return el("p", { class: "id" }, el("span", { class: "hidden" }, "Node id "), el("code", {}, result.nodeid),
    result.measuredAlone && el("span", {}, "measured again alone"), result.handwritten && el("span", {}, "hand-written"),
    el("span", {}, `${moment(result.at)} UTC`));
}
