// A queue worked from the keyboard: j and k or the arrows move, a letter presses the button that shows it.
// The letters act only while the focus is inside the queue (WCAG 2.1.4).
const queue = document.querySelector("[data-queue]");
const entries = () => Array.from(queue.querySelectorAll("[data-queue-item]"));
const typing = (target) => target.matches("input:not([type=radio]):not([type=checkbox]), textarea, select");

function move(by) {
  const all = entries();
  const here = all.indexOf(document.activeElement.closest("[data-queue-item]"));
  const there = all[Math.min(all.length - 1, Math.max(0, here + by))];
  if (there) there.focus();
}

function press(letter, target) {
  const place = target.closest("[data-queue-item]") || entries()[0];
  const button = place && Array.from(place.querySelectorAll("[data-key]")).find((found) => found.dataset.key === letter);
  if (button && button.getAttribute("aria-disabled") !== "true") button.click();
  if (button && button.matches("summary")) button.focus(); // what it opened comes next by Tab
  return Boolean(button);
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || typing(event.target)) return;
  const radio = event.target.matches("input[type=radio]");
  if (event.key === "j" || (event.key === "ArrowDown" && !radio)) move(1);
  else if (event.key === "k" || (event.key === "ArrowUp" && !radio)) move(-1);
  else if (!press(event.key.toLowerCase(), event.target)) return;
  event.preventDefault();
}

if (queue) {
  for (const entry of entries()) entry.tabIndex = -1;
  queue.addEventListener("keydown", onKey);
  if (document.activeElement === document.body && entries()[0]) entries()[0].focus({ preventScroll: true });
}
