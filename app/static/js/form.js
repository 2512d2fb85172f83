// Comfort for plain forms: keys, one submit for one press, two-tap expiry, − and +, nothing lost without a network.
import { announce } from "./feedback.js";
import { notice } from "./draw.js";
import { newKey } from "./keymaking.js";
import { word } from "./words.js";

const sent = new WeakSet();
const dirty = new Set();

function toast(tone, text) {
  for (const old of document.querySelectorAll(".toast")) old.remove();
  const shown = notice(tone, text);
  shown.classList.add("toast");
  document.body.append(shown);
  announce(text, tone === "bad");
  return shown;
}

function refreshKeys(root) {
  for (const field of root.querySelectorAll("[data-new-key]")) field.value = newKey();
}

function onSubmit(event) {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (sent.has(form)) return event.preventDefault();
  if (navigator.onLine === false) {
    event.preventDefault();
    return toast("hold", word("offline"));
  }
  sent.add(form);
  dirty.delete(form);
  // Disabled attributes would drop the pressed button's name and value from the POST, so it is only said.
  for (const button of document.querySelectorAll("button")) {
    if (button.form === form && button.type === "submit") button.setAttribute("aria-disabled", "true");
  }
  announce(word("sending"));
}

// A page brought back by the back button may be sent again; its key is kept, so the server sees the same command.
function onShow(event) {
  if (!event.persisted) return;
  for (const form of document.forms) {
    sent.delete(form);
    for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
  }
}

function onLeave(event) {
  if (dirty.size === 0 && !document.querySelector("[data-scan-unsent] > *")) return;
  event.preventDefault();
  event.returnValue = word("unsent"); // older browsers ask only when this is set
}

function step(button) {
  const field = button.closest("[data-stepper]").querySelector("input");
  const least = field.min === "" ? -Infinity : Number(field.min);
  const most = field.max === "" ? Infinity : Number(field.max);
  const wanted = (Number.parseInt(field.value, 10) || 0) + Number(button.dataset.step);
  field.value = String(Math.min(most, Math.max(least, wanted)));
  field.dispatchEvent(new Event("input", { bubbles: true }));
  announce(field.value);
}

function readExpiry(box) {
  const [, year = "", month = "", day = ""] = /^(\d{4})?(?:-?(\d{2}))?(?:-?(\d{2}))?$/.exec(box.querySelector("input").value.trim()) || [];
  return { year, month, day };
}

function showExpiry(box) {
  const chosen = readExpiry(box);
  for (const part of ["year", "month", "day"]) {
    for (const chip of box.querySelectorAll(`[data-${part}]`)) {
      chip.setAttribute("aria-pressed", String(chip.dataset[part] === chosen[part]));
    }
  }
}

function chooseExpiry(chip) {
  const box = chip.closest("[data-expiry]");
  const chosen = readExpiry(box);
  if (chip.dataset.year) chosen.year = chip.dataset.year;
  if (chip.dataset.month) chosen.month = chip.dataset.month;
  if (chip.dataset.day) chosen.day = chosen.day === chip.dataset.day ? "" : chip.dataset.day;
  const field = box.querySelector("input");
  // A month alone waits for its year: the first year on offer is the likeliest and is shown, never hidden.
  if (!chosen.year && chosen.month) chosen.year = box.querySelector("[data-year]").dataset.year;
  field.value = [chosen.year, chosen.month, chosen.month && chosen.day].filter(Boolean).join("-");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  if (!chosen.month) announce(word("month_first"));
}

function onClick(event) {
  const target = event.target.closest ? event.target.closest("[data-step],[data-expiry] .chip,[data-print]") : null;
  if (!target) return;
  if (target.dataset.step) step(target);
  else if (target.matches(".chip")) chooseExpiry(target);
  else window.print();
}

function onInput(event) {
  const box = event.target.closest("[data-expiry]");
  if (box) showExpiry(box);
  const form = event.target.form;
  if (form && "keep" in form.dataset) dirty.add(form);
}

refreshKeys(document);
for (const box of document.querySelectorAll("[data-expiry]")) showExpiry(box);
const summary = document.querySelector("[data-error-summary]");
if (summary) summary.focus();
document.addEventListener("submit", onSubmit);
document.addEventListener("click", onClick);
document.addEventListener("input", onInput);
window.addEventListener("pageshow", onShow);
window.addEventListener("beforeunload", onLeave);
window.addEventListener("offline", () => toast("hold", word("offline")));
window.addEventListener("online", () => {
  const shown = toast("ok", word("online"));
  setTimeout(() => shown.remove(), 4000);
});
