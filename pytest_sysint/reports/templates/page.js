function drawAudit() {
  const section = document.getElementById("audit");
  const nav = section.querySelector(".pages");
  const body = section.querySelector("tbody");
  section.querySelector(".scroll").hidden = page.audit.length === 0;
  let current = 0;
  const last = Math.max(0, Math.ceil(page.audit.length / PAGE_SIZE) - 1);
  const draw = () => {
    const shown = page.audit.slice(current * PAGE_SIZE, (current + 1) * PAGE_SIZE);
    body.replaceChildren(...shown.map(auditRow));
    drawPages(nav, current, last);
  };
  const turn = (by) => {
    current += by;
    draw();
    section.scrollIntoView();
  };
  nav.querySelector(".previous").addEventListener("click", () => turn(-1));
  nav.querySelector(".next").addEventListener("click", () => turn(1));
  draw();
}

function auditRow([at, action, entityType, entityId, tenant, user, more, hash]) {
  const what = el("td", {}, text(entityType), " ", el("bdi", {}, text(entityId)));
  return el("tr", {},
    el("td", { class: "time" }, moment(page.start + at)), el("td", {}, text(action)), what, el("td", {}, text(tenant)),
    el("td", {}, text(user)), el("td", {}, el("code", {}, text(more))), el("td", {}, el("code", {}, text(hash))));
}

async function copy(button) {
  const content = button.parentElement.querySelector("code").textContent;
  let done = true;
  try {
    await navigator.clipboard.writeText(content);
  } catch {
    done = copyTheOldWay(content);
  }
  const said = done ? "Copied" : "Press Ctrl+C";
  button.textContent = said;
  document.querySelector(".announce").textContent = said;
  setTimeout(() => {
    button.textContent = "Copy";
    document.querySelector(".announce").textContent = "";
  }, 1600);
}

/** For browsers that keep the clipboard from pages opened as files. */
function copyTheOldWay(content) {
  const area = el("textarea", { class: "hidden", readonly: true, "aria-hidden": "true" });
  area.value = content;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.copy");
  if (button) copy(button);
  // A link to the address that is already there changes nothing, but the reader expects to be taken there.
  const link = event.target.closest("a[href]");
  if (link && link.getAttribute("href") === location.hash) followAddress();
});

// On paper nothing can be opened: open what a reader would.
addEventListener("beforeprint", () => {
  for (const card of document.querySelectorAll("details:not([open])")) {
    card.dataset.closed = "";
    card.open = true;
  }
});
addEventListener("afterprint", () => {
  for (const card of document.querySelectorAll("details[data-closed]")) {
    delete card.dataset.closed;
    card.open = false;
  }
});

// A picture wider than the screen begins at what matters.
function showRootCause() {
  const root = document.querySelector(".node.root");
  const frame = root?.closest(".scroll");
  if (frame) frame.scrollLeft += root.getBoundingClientRect().right - frame.getBoundingClientRect().right + 24;
}

document.documentElement.classList.add("js");
listen();
drawAudit();
showRootCause();
draw();
followAddress();
addEventListener("hashchange", followAddress);
