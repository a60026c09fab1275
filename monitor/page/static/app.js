/* Behaviour: draw what the server sent, refresh it in place, keys. Every page reads without this file. */
import { drawBoard } from "./board.js";
import { NARROW, hideTip } from "./scene.js";
import { drawCourse, drawDistribution } from "./signal.js";

const DRAW = { board: drawBoard, course: drawCourse, distribution: drawDistribution };
const EVERY = 5000;
const byId = (id) => document.getElementById(id);
let refreshed = Date.now(), tag = null, kept = null, showCalm = false;

function drawAll() {
  for (const element of document.querySelectorAll("[data-drawing]")) {
    if (element.clientWidth < 120) continue;  // no room yet: the observer below calls again
    DRAW[element.dataset.drawing](element, JSON.parse(byId(element.dataset.source).textContent));
  }
}

/* New parts of the page: what needs this script appears, the filter and the quiet rows stay as they were. */
function settle() {
  for (const element of document.querySelectorAll(".needs-script")) element.hidden = false;
  const button = byId("show-calm");
  if (button) {
    byId("board").classList.toggle("all-rows", showCalm);
    button.setAttribute("aria-expanded", String(showCalm));
    button.textContent = button.textContent.replace(/^(Show|Hide)/, showCalm ? "Hide" : "Show");
  }
  filter();
  drawAll();
}

function filter() {
  const words = (byId("find")?.value ?? "").trim().toLowerCase();
  for (const row of document.querySelectorAll(".row")) {
    row.classList.toggle("filtered", words !== "" && !row.dataset.title.toLowerCase().includes(words));
  }
}

function openFound() {
  const words = byId("find").value.trim().toLowerCase();
  const options = [...byId("signal-names").options];
  const found = words && (options.find((option) => option.value.toLowerCase() === words)
    ?? options.find((option) => option.value.toLowerCase().includes(words)));
  if (found) window.location.assign(found.dataset.href);
}

/* refresh */
function age() {
  const fresh = byId("fresh");
  if (!byId("live")) return;
  fresh.hidden = false;
  fresh.textContent = `live, ${NARROW.matches ? "" : "refreshed "}${Math.round((Date.now() - refreshed) / 1000)} s ago`;
}
function refresh() {
  const live = byId("live");
  if (live && document.visibilityState === "visible") htmx.trigger(live, "refresh");
}
function failed(words) {
  const line = byId("failed");
  line.textContent = `Could not refresh: ${words}. What you see is older. `;
  const again = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: "Retry" });
  again.addEventListener("click", refresh);
  line.append(again);
  line.hidden = false;
}
const openAlerts = () => new Map([...document.querySelectorAll("[data-alert][data-state=firing]")]
  .map((row) => [row.dataset.alert, row.querySelector(".sentence").textContent]));

document.body.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, requestConfig } = event.detail;
  if (xhr.status !== 200) return;
  refreshed = Date.now();
  byId("failed").hidden = true;
  const next = xhr.getResponseHeader("etag");
  if (next && next === tag) event.detail.shouldSwap = false;
  tag = next;
  hideTip();
  const inner = (box) => [box.closest("[id]").id, box.scrollLeft, box.scrollTop];
  kept = {
    open: [...document.querySelectorAll("#live details[open]")].filter((d) => !requestConfig.boosted || !d.classList.contains("menu")).map((d) => d.id),
    scrolls: [...document.querySelectorAll("#live details .scroll")].map(inner),
    alerts: openAlerts(),
  };
});
document.body.addEventListener("htmx:afterSwap", () => {
  if (!kept) return;
  for (const id of kept.open) byId(id)?.setAttribute("open", "");
  for (const [id, left, top] of kept.scrolls) byId(id)?.querySelector(".scroll")?.scrollTo(left, top);
  const fresh = [...openAlerts()].filter(([id]) => !kept.alerts.has(id));
  if (fresh.length) byId("announce").textContent = `New alert: ${fresh.map(([, words]) => words).join("; ")}`;
  kept = null;
  settle();
});
document.body.addEventListener("htmx:responseError", (event) => failed(`the service answered ${event.detail.xhr.status}`));
document.body.addEventListener("htmx:sendError", () => failed("the service does not answer"));

/* keys */
function step(by) {
  const links = [...document.querySelectorAll("#main [data-row]")].filter((row) => row.offsetHeight)
    .map((row) => row.querySelector(".open a, a.name, th a")).filter(Boolean);
  const here = links.indexOf(document.activeElement);
  links[here < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(here + by, 0), links.length - 1)]?.focus();
}
let going = false;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
  const key = event.key, wasGoing = going;
  going = key === "g";
  if (key === "/" && byId("find")) { event.preventDefault(); byId("find").focus(); }
  else if (key === "j") step(1);
  else if (key === "k") step(-1);
  else if (key === "?") byId("keys").showModal();
  else if (wasGoing && key === "o") byId("place-overview")?.click();
  else if (key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) menu.removeAttribute("open");
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.removeAttribute("open");
  if (event.target.closest("#show-calm")) { showCalm = !showCalm; settle(); }
  if (event.target.closest("#show-keys")) byId("keys").showModal();
});
byId("find")?.addEventListener("input", () => { filter(); drawAll(); });
byId("find")?.addEventListener("keydown", (event) => {
  if (event.key === "Enter") { event.preventDefault(); openFound(); }
  if (event.key === "Escape") { event.target.value = ""; event.target.blur(); filter(); drawAll(); }
});

/* redraw */
let queued = false;
const redraw = () => { if (!queued) { queued = true; requestAnimationFrame(() => { queued = false; drawAll(); }); } };
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
NARROW.addEventListener("change", redraw);
new ResizeObserver(redraw).observe(byId("main"));
document.addEventListener("visibilitychange", refresh);
setInterval(refresh, EVERY);
setInterval(age, 1000);
age();
settle();
document.documentElement.dataset.ready = "true";
