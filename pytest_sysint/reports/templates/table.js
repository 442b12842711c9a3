const PAGE_SIZE = 50;
const table = document.querySelector("table.results");
const form = document.querySelector("form.filters");
const columns = table.tHead.rows[0].cells.length;

function statusBadge(result) {
  const word = result.status === "passed" && result.degraded ? "degraded"
    : result.status === "passed" && result.flaky ? "flaky" : result.status;
  return el("span", { class: `badge s-${word}` }, icon(word), el("span", {}, word));
}

function row(result) {
  const where = `${result.integration || "hand-written"} · ${result.kind} · ${result.tenant}`;
  const opener = el("button", { type: "button", class: "opener", "aria-expanded": "false" },
    icon("open"), el("bdi", {}, result.name));
  const line = el("tr", { "data-result": result.index },
    el("td", {}, statusBadge(result)),
    el("td", { class: "name" }, opener, el("small", { class: "narrow" }, where)),
    el("td", { class: "wide" }, el("bdi", {}, result.integration)),
    el("td", { class: "wide" }, result.kind),
    el("td", { class: "wide" }, el("bdi", {}, result.tenant)),
    el("td", { class: "wide" }, result.severity),
    el("td", { class: "number" }, result.ms < 0 ? "–" : duration(result.ms)));
  opener.addEventListener("click", () => toggle(line, result));
  return line;
}

function toggle(line, result) {
  const opener = line.querySelector(".opener");
  const open = opener.getAttribute("aria-expanded") === "true";
  opener.setAttribute("aria-expanded", String(!open));
  if (open) line.nextElementSibling.remove();
  else line.after(el("tr", { class: "opened" }, el("td", { colspan: columns }, detail(result))));
}

/** Draw everything that depends on the filters. */
function draw() {
  const words = searchWords();
  const found = sorted(results.filter((result) => matches(result, words)));
  const last = Math.max(0, Math.ceil(found.length / PAGE_SIZE) - 1);
  if (filters.result >= 0) filters.page = Math.floor(found.findIndex(({ index }) => index === filters.result) / PAGE_SIZE);
  filters.page = Math.min(Math.max(filters.page, 0), last);
  const shown = found.slice(filters.page * PAGE_SIZE, (filters.page + 1) * PAGE_SIZE);
  const nothing = el("tr", {}, el("td", { colspan: columns }, results.length ? "No result matches." : "There are no results."));
  table.tBodies[0].replaceChildren(...(shown.length ? shown.map(row) : [nothing]));
  drawPages(document.querySelector("#results .pages"), filters.page, last);
  drawForm();
  drawCards(words);
  drawShowing(found.length);
}

function drawPages(nav, current, last) {
  nav.hidden = last <= 0;
  nav.querySelector("span").textContent = `Page ${(current + 1).toLocaleString("en")} of ${(last + 1).toLocaleString("en")}`;
  nav.querySelector(".previous").disabled = current === 0;
  nav.querySelector(".next").disabled = current === last;
}

function drawForm() {
  if (form.elements.q.value !== filters.q) form.elements.q.value = filters.q;
  for (const name of choices) form.elements[name].value = filters[name];
  for (const box of form.querySelectorAll("[name=status]")) box.checked = filters.status.includes(box.value);
  for (const button of table.tHead.querySelectorAll("button")) {
    const name = button.dataset.sort;
    const order = filters.sort === name ? "ascending" : filters.sort === `-${name}` ? "descending" : "";
    if (order) button.parentElement.setAttribute("aria-sort", order);
    else button.parentElement.removeAttribute("aria-sort");
  }
}

function drawCards(words) {
  const all = [...document.querySelectorAll("details.card")];
  for (const card of all) card.hidden = !matches(results[Number(card.dataset.result)], words);
  const shown = all.filter((card) => !card.hidden).length;
  const said = document.querySelector("#failures .shown");
  if (said) said.textContent = shown < all.length ? `${shown} of ${all.length} shown by the filter.` : "";
}

function drawShowing(count) {
  const filtered = isFiltered();
  const all = results.length.toLocaleString("en");
  document.querySelector(".showing [role=status]").textContent =
    count === results.length ? plural(count, "result") : `${count.toLocaleString("en")} of ${all} results`;
  document.querySelector(".showing .clear").hidden = !filtered;
  const active = document.querySelector(".active-filter");
  active.hidden = !filtered;
  active.querySelector("span").textContent = `Showing ${filtersInWords()}`;
}

/** Apply a change that the reader made in the table's own controls. */
function change(values) {
  Object.assign(filters, { page: 0, result: -1 }, values);
  writeAddress();
  draw();
}

function listen() {
  for (const name of choices) {
    const values = [...new Set(results.map((result) => result[name]))].filter(Boolean).sort();
    form.elements[name].append(...values.map((value) => el("option", { value }, value)));
    form.elements[name].addEventListener("change", (event) => change({ [name]: event.target.value }));
  }
  let waiting = 0;
  form.elements.q.addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => change({ q: event.target.value.trim() }), 120);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", (event) => {
    if (event.target.name !== "status") return;
    change({ status: [...form.querySelectorAll("[name=status]:checked")].map((box) => box.value) });
  });
  for (const button of table.tHead.querySelectorAll("button")) {
    const name = button.dataset.sort;
    button.addEventListener("click", () => change({ sort: filters.sort === name ? `-${name}` : filters.sort === `-${name}` ? "" : name }));
  }
  for (const button of document.querySelectorAll(".clear")) {
    button.addEventListener("click", () => {
      clearFilters();
      change({});
    });
  }
  const pages = document.querySelector("#results .pages");
  pages.querySelector(".previous").addEventListener("click", () => turn(-1));
  pages.querySelector(".next").addEventListener("click", () => turn(1));
}

function turn(by) {
  change({ page: filters.page + by });
  document.getElementById("results").scrollIntoView();
}

/** Show what the address asks for, and go there. */
function followAddress() {
  if (!readAddress()) return;
  draw();
  const line = filters.result >= 0 && table.querySelector(`tr[data-result="${filters.result}"]`);
  if (line) {
    toggle(line, results[filters.result]);
    line.scrollIntoView({ block: "center" });
    line.querySelector(".opener").focus({ preventScroll: true });
  } else {
    document.getElementById("results").scrollIntoView();
  }
}
