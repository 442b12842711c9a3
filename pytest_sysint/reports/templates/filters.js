// What is shown: kept in the address, so that a view can be sent to somebody and the back button works.
const filters = { q: "", integration: "", kind: "", tenant: "", status: [], sort: "", page: 0, result: -1 };
const choices = ["integration", "kind", "tenant"];

/** Read the filters out of the address; false when it is a plain anchor. */
function readAddress() {
  const hash = location.hash.slice(1);
  if (!hash.includes("=")) return false;
  const given = new URLSearchParams(hash);
  filters.q = given.get("q") ?? "";
  for (const name of choices) filters[name] = given.get(name) ?? "";
  filters.status = (given.get("status") ?? "").split(",").filter(Boolean);
  filters.sort = given.get("sort") ?? "";
  filters.page = Math.max(0, (Number.parseInt(given.get("page"), 10) || 1) - 1);
  const result = Number.parseInt(given.get("result"), 10);
  filters.result = Number.isNaN(result) ? -1 : result;
  return true;
}

function writeAddress() {
  const given = new URLSearchParams();
  if (filters.q) given.set("q", filters.q);
  for (const name of choices) if (filters[name]) given.set(name, filters[name]);
  if (filters.status.length) given.set("status", filters.status.join(","));
  if (filters.sort) given.set("sort", filters.sort);
  if (filters.page) given.set("page", String(filters.page + 1));
  const hash = given.toString();
  history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}

function clearFilters() {
  Object.assign(filters, { q: "", integration: "", kind: "", tenant: "", status: [], page: 0, result: -1 });
}

const isFiltered = () => Boolean(filters.q || filters.status.length || choices.some((name) => filters[name]));

/** The filters in words, for the line that says that one is set. */
function filtersInWords() {
  const parts = choices.filter((name) => filters[name]).map((name) => `${name} ${filters[name]}`);
  if (filters.status.length) parts.push(filters.status.join(" or "));
  if (filters.q) parts.push(`“${filters.q}”`);
  return parts.join(" · ");
}

function hasStatus(result, status) {
  return status === "flaky" || status === "degraded" ? result[status] : result.status === status;
}

function haystack(result) {
  if (result.haystack === undefined) {
    const more = result.row[13] ?? {};
    const said = ["error", "skipReason", "blockedBy"].filter((name) => name in more).map((name) => text(more[name]));
    const words = [result.name, result.nodeid, result.severity, ...said];
    result.haystack = words.join("\n").toLowerCase();
  }
  return result.haystack;
}

function matches(result, words) {
  return (
    choices.every((name) => !filters[name] || result[name] === filters[name]) &&
    (!filters.status.length || filters.status.some((status) => hasStatus(result, status))) &&
    words.every((word) => haystack(result).includes(word))
  );
}

const searchWords = () => filters.q.toLowerCase().split(/\s+/).filter(Boolean);

const sortKeys = {
  status: (result) => ["failed", "error", "blocked", "skipped", "passed"].indexOf(result.status),
  name: (result) => result.name.toLowerCase(),
  integration: (result) => result.integration,
  kind: (result) => result.kind,
  tenant: (result) => result.tenant,
  severity: (result) => result.severityRank,
  ms: (result) => result.ms,
};

function sorted(found) {
  const down = filters.sort.startsWith("-");
  const name = filters.sort.replace(/^-/, "");
  if (!Object.hasOwn(sortKeys, name)) return found;
  const key = sortKeys[name];
  const sign = down ? -1 : 1;
  return found
    .map((result) => [key(result), result])
    .sort(([a], [b]) => (a < b ? -sign : a > b ? sign : 0))
    .map(([, result]) => result);
}
