// The queue of what waits, worked from the keyboard: j and k or the arrows move, space ticks, r releases, x refuses,
// a number takes that reason, i identifies, p is for the person beside, u undoes, ? shows the keys.
// The letters act only while the focus is inside the queue and never in a field (WCAG 2.1.4).
import { announce } from "./feedback.js";

const queue = document.querySelector("[data-release]");
const entries = () => Array.from(queue.querySelectorAll("[data-entry]"));
const ticks = () => Array.from(queue.querySelectorAll("[data-tick]:checked"));
const typing = (target) => target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select");
const entryOf = (target) => target.closest("[data-entry]");

function move(by) {
  const all = entries();
  const there = all[Math.min(all.length - 1, Math.max(0, all.indexOf(entryOf(document.activeElement)) + by))];
  if (there) there.focus();
}

// Where the next look goes when the page comes back: the first entry behind this one that nothing was decided about.
function nextOf(decided) {
  const all = entries();
  const here = Math.min(...decided.map((entry) => all.indexOf(entry)));
  const next = all.slice(here).find((entry) => !decided.includes(entry)) || all.find((entry) => !decided.includes(entry));
  return next ? next.dataset.line : "";
}

function onSubmit(event) {
  const at = event.target.querySelector("[data-at]");
  if (!at || !("decide" in event.target.dataset)) return;
  const own = entryOf(event.target);
  at.value = nextOf(own ? [own] : ticks().map(entryOf));
}

function tick(entry) {
  const box = entry.querySelector("[data-tick]");
  box.checked = !box.checked;
  box.dispatchEvent(new Event("change", { bubbles: true }));
}

function count() {
  const chosen = ticks().length;
  const shown = queue.querySelector("[data-count]");
  if (shown) shown.textContent = chosen ? `(${chosen})` : "";
}

// What is ticked is meant, and else the entry with the focus.
function place(target) {
  return ticks().length ? queue.querySelector("[data-ticked]") : entryOf(target) || entries()[0];
}

function press(letter, target) {
  const where = letter === "u" || letter === "?" ? queue : letter === "i" ? entryOf(target) || entries()[0] : place(target);
  if (!where) return false;
  const keyed = Array.from(where.querySelectorAll("[data-key]")).filter((one) => one.dataset.key === letter);
  // Among the ticked is one that wants a reason: then the fold is meant, not the plain button.
  const reasoned = where.matches("[data-ticked]") && ticks().some((box) => "overrides" in box.dataset);
  const button = (reasoned && keyed.find((one) => one.matches("summary"))) || keyed[0];
  if (!button || button.getAttribute("aria-disabled") === "true") return false;
  button.click();
  if (button.matches("summary") && button.parentElement.open) {
    (button.parentElement.querySelector("[data-number]") || button).focus();
  }
  return true;
}

function number(digit, target) {
  const fold = target.closest("[data-fold][open]") || place(target)?.querySelector("[data-fold][open]");
  const button = fold && fold.querySelector(`[data-number="${digit}"]`);
  if (button) button.click();
  return Boolean(button);
}

function close(target) {
  const fold = target.closest("[data-fold][open]");
  if (!fold) return false;
  fold.open = false;
  (entryOf(fold) || fold.querySelector("summary")).focus();
  return true;
}

function handled({ key, target }) {
  if (key === "j" || key === "ArrowDown") return move(1), true;
  if (key === "k" || key === "ArrowUp") return move(-1), true;
  if (key === "Escape") return close(target);
  if (key === " ") return target.matches("[data-entry]") && (tick(target), true);
  if (/^[1-9]$/.test(key)) return number(key, target);
  return /^[rxipu?]$/i.test(key) && press(key.toLowerCase(), target);
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || typing(event.target)) return;
  if (handled(event)) event.preventDefault();
}

if (queue) {
  for (const entry of entries()) entry.tabIndex = -1;
  queue.addEventListener("keydown", onKey);
  queue.addEventListener("change", count);
  document.addEventListener("submit", onSubmit, true);
  count();
  const told = queue.querySelector("[data-told] .notice p");
  if (told) announce(told.textContent.trim());
  const meant = entries().find((entry) => entry.dataset.line === queue.dataset.at) || entries()[0];
  if (meant && document.activeElement === document.body) meant.focus({ preventScroll: !queue.dataset.at });
}
