// Scans that stay on the page (packing, counting): each is posted with its own key, one after the other, and answered
// by colour, shape, words, sound and vibration. What could not be sent is kept and offered again, never dropped.
import { element, icon } from "./draw.js";
import { feedback } from "./feedback.js";
import { newKey } from "./keymaking.js";
import { word } from "./words.js";

const tones = { ok: "ok", duplicate: "hold", wrong: "bad" };
let line = Promise.resolve();

/** The server answers {outcome: ok|duplicate|wrong, title?, text?, line?, lines?, state?, count?, progress?: {value, max, words?}, next?: {href, label}}. */
export function collect(panel, text, format) {
  const scanned = { text, format, idempotency_key: newKey() };
  line = line.then(() => send(panel, scanned));
  return line;
}

async function send(panel, scanned) {
  let answer;
  try {
    answer = await fetch(panel.dataset.url, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": token() },
      body: JSON.stringify(scanned),
    });
  } catch {
    return failed(panel, scanned, "not_recorded");
  }
  if (answer.status === 401) return failed(panel, scanned, "signed_out");
  if (answer.status >= 500) return failed(panel, scanned, "not_recorded");
  const said = await answer.json();
  if (!answer.ok) return show(panel, { outcome: "wrong", title: said.title, text: said.detail });
  mark(said);
  return show(panel, said);
}

function token() {
  const meta = document.querySelector("meta[name=csrf-token]");
  return meta ? meta.content : "";
}

function show(panel, { outcome, title, text, next }) {
  const heading = title || word(`${outcome}_title`);
  const tone = tones[outcome] || "bad";
  const body = element("div", {}, element("strong", {}, heading), text ? element("p", {}, text) : null);
  const box = element("div", { class: `scan-last ${tone}`, "data-outcome": outcome }, icon(tone), body);
  const onward = next ? element("a", { class: "button primary", href: next.href }, next.label || word("next")) : null;
  panel.querySelector("[data-scan-said]").replaceChildren(...[box, onward].filter(Boolean));
  feedback(tone === "ok" ? "ok" : tone === "hold" ? "duplicate" : "wrong", `${word(outcome)} ${heading} ${text || ""}`);
  panel.dispatchEvent(new CustomEvent("scanned", { bubbles: true, detail: { outcome, title: heading, text } }));
}

function failed(panel, scanned, key) {
  const again = element("button", { class: "button", type: "button" }, word("again"));
  const body = element("div", {}, element("strong", {}, word(key)), element("p", {}, scanned.text), again);
  const box = element("div", { class: "scan-last hold", "data-outcome": "unsent" }, icon("warning"), body);
  again.addEventListener("click", () => {
    box.remove();
    line = line.then(() => send(panel, scanned)); // the same key: recorded once, however often it is tried
  });
  panel.querySelector("[data-scan-unsent]").append(box);
  feedback("wrong", word(key));
}

// The list on the page follows what the server said: the line's state and count, and the progress bar.
function mark({ line, lines = line ? [line] : [], state, count, progress }) {
  for (const id of lines) {
    const row = document.querySelector(`[data-line="${CSS.escape(String(id))}"]`);
    if (row && state) row.dataset.state = state;
    if (row && count !== undefined && row.querySelector("[data-count]")) row.querySelector("[data-count]").textContent = count;
  }
  const gauge = progress ? document.querySelector("[data-progress]") : null;
  if (!gauge) return;
  const bar = gauge.querySelector("progress");
  bar.max = progress.max;
  bar.value = progress.value;
  gauge.querySelector("[data-progress-words]").textContent = progress.words || `${progress.value} / ${progress.max}`;
}
