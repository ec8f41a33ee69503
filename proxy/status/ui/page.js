// Keeps the page up to date: takes the parts that have changed and changes the page where they differ,
// so that what has the focus, is open, is typed or is scrolled stays as it is. Sorts tables, shows
// plans in place. All HTML comes from this server, which has escaped what is not its own.

"use strict";

const live = document.getElementById("live");
const sorting = new Map(); // a table's id → [column, direction], as the reader wants it

// ── changing what differs ──

/** `node.id` of a form is its field of that name, where it has one: the attribute is asked for. */
const keyOf = (node) =>
  node.nodeType === Node.ELEMENT_NODE ? node.dataset.key || node.getAttribute("id") || "" : "";

const isAlike = (node, fresh) =>
  node.nodeType === fresh.nodeType && node.nodeName === fresh.nodeName && !keyOf(node) && !keyOf(fresh);

/** What the reader has done to an element is not the server's to undo. */
const isReaders = (element, name) =>
  name === "aria-sort" ||
  (name === "open" && element.localName === "details") ||
  (name === "disabled" && element.classList.contains("sort"));

function changeAttributes(element, fresh) {
  for (const { name } of [...element.attributes]) {
    if (!fresh.hasAttribute(name) && !isReaders(element, name)) element.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (element.getAttribute(name) !== value && !isReaders(element, name)) element.setAttribute(name, value);
  }
}

function change(node, fresh) {
  if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.data !== fresh.data) node.data = fresh.data;
    return;
  }
  changeAttributes(node, fresh);
  changeChildren(node, [...fresh.childNodes]);
}

function changeChildren(parent, children) {
  const wanted = new Set(children.map(keyOf).filter(Boolean));
  const keyed = new Map();
  for (const child of [...parent.childNodes]) {
    const key = keyOf(child);
    if (key && !wanted.has(key)) child.remove();
    else if (key) keyed.set(key, child);
  }
  let place = parent.firstChild;
  for (const fresh of children) {
    let found = keyed.get(keyOf(fresh));
    keyed.delete(keyOf(fresh));
    if (found && found.nodeName !== fresh.nodeName) found = undefined;
    if (!found && place && isAlike(place, fresh)) found = place;
    if (!found) {
      parent.insertBefore(fresh, place);
      continue;
    }
    if (found === place) place = place.nextSibling;
    else parent.insertBefore(found, place);
    change(found, fresh);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function show(parts) {
  const focused = document.activeElement;
  for (const [id, html] of Object.entries(parts)) {
    const element = document.getElementById(id);
    const template = document.createElement("template");
    template.innerHTML = html;
    const fresh = template.content.firstElementChild;
    if (!element || !fresh) continue;
    fresh.querySelectorAll("table").forEach(sort);
    change(element, fresh);
  }
  enableSorting();
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
  document.title = `${document.getElementById("headline").textContent} – thanoxy`;
}

// ── sorting ──

function enableSorting() {
  for (const button of document.querySelectorAll(".sort:disabled")) button.disabled = false;
}

function sort(table) {
  const [column, direction] = sorting.get(table.id) || [];
  table.querySelectorAll("thead th").forEach((header, place) => {
    if (place === column) header.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    else header.removeAttribute("aria-sort");
  });
  if (column === undefined) return;
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [valueOf(row.cells[column]), row]);
  rows.sort(([one], [other]) => direction * compare(one, other));
  body.append(...rows.map(([, row]) => row));
}

function valueOf(cell) {
  if (!cell.classList.contains("number") && !cell.dataset.by) return cell.textContent.trim();
  const value = Number.parseFloat(cell.dataset.by ?? cell.textContent);
  return Number.isNaN(value) ? -Infinity : value;
}

function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") return one === other ? 0 : one - other;
  return String(one).localeCompare(String(other), "en", { numeric: true });
}

function sortBy(header) {
  const table = header.closest("table");
  const first = header.classList.contains("number") ? -1 : 1;
  const [column, direction] = sorting.get(table.id) || [];
  sorting.set(table.id, [header.cellIndex, column === header.cellIndex ? -direction : first]);
  sort(table);
}

// ── news from the server ──

const AGAIN_MS = 5000;
let source = null;
let retry = 0;

function listen() {
  if (source || document.hidden) return;
  source = new EventSource("status/events");
  source.addEventListener("parts", (event) => {
    say("live");
    show(JSON.parse(event.data));
  });
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return say("connection lost, trying again");
    leave(); // refused, perhaps because too many are watching: a browser does not try again by itself
    say("not live now, trying again");
    retry = setTimeout(listen, AGAIN_MS);
  });
}

function leave() {
  clearTimeout(retry);
  source?.close();
  source = null;
}

function say(text) {
  if (live.textContent !== text) live.textContent = text;
}

document.addEventListener("visibilitychange", () => (document.hidden ? leave() : listen()));

// ── forms and links that are answered in place ──

/** The tenant that is named travels as a header; the one that is meant without it does not. */
function headersOf(form) {
  const field = form.querySelector("[data-header]");
  const tenant = field ? field.value.trim() : "";
  if (!tenant || tenant === field.dataset.usual) return {};
  return { [field.dataset.header]: String.fromCharCode(...new TextEncoder().encode(tenant)) };
}

async function explain(form) {
  const answer = document.getElementById("explain-answer");
  const said = document.getElementById("explain-said");
  said.textContent = "asking …";
  try {
    const query = new URLSearchParams(new FormData(form));
    const response = await fetch(`api/v1/thanoxy/explain?${query}`, { headers: headersOf(form) });
    answer.textContent = await response.text();
    answer.hidden = false;
    said.textContent = response.ok ? "" : `The answer was ${response.status}.`;
  } catch {
    said.textContent = "There was no answer.";
  }
}

async function cancel(form) {
  const button = form.querySelector("button");
  button.textContent = "cancelling …";
  const body = new URLSearchParams(new FormData(form));
  try {
    const response = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    button.textContent = response.ok ? "cancelled" : "refused";
  } catch {
    button.textContent = "no answer";
  }
}

/** A link to a plan or to coverage fills in the form of that name and sends it. */
function fill(link) {
  const asked = new URL(link.href);
  const form = document.getElementById(`${asked.pathname.split("/").pop()}-form`);
  for (const [name, value] of asked.searchParams) {
    if (form.elements[name]) form.elements[name].value = value;
  }
  const tenant = form.querySelector("[data-header]");
  if (tenant) tenant.value = link.dataset.tenant;
  form.scrollIntoView({ block: "center" });
  form.elements.query.focus({ preventScroll: true });
  form.requestSubmit();
}

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const header = event.target.closest(".sort")?.closest("th");
  const link = event.target.closest(".links a");
  if (header) sortBy(header);
  if (link) {
    event.preventDefault();
    fill(link);
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.getAttribute("id") === "explain-form") {
    event.preventDefault();
    explain(form);
  } else if (form.classList.contains("cancel")) {
    event.preventDefault();
    cancel(form);
  }
});

for (const field of document.querySelectorAll(".tenant")) field.hidden = false;
say("connecting");
enableSorting();
listen();
