// Draws the scan page's list and answers: colour and shape beside every word.
import { element, icon } from "./draw.js";
import { feedback } from "./feedback.js";
import { fits, least as fewest, room, traces } from "./basket-list.js";
import { word } from "./basket-words.js";

const tones = { known: "ok", new: "info", duplicate: "hold", unsent: "hold", wrong: "bad" };
const sounds = { known: "ok", new: "new", duplicate: "duplicate", unsent: "duplicate", wrong: "wrong" };

export function button(name, shape, text, press, extra = {}) {
  const made = element("button", { class: "button", type: "button", [`data-basket-${name}`]: "", ...extra }, icon(shape), element("span", {}, text));
  made.addEventListener("click", press);
  return made;
}

/** The big answer under the scanner, with sound and vibration; it never takes the focus. */
export function say(place, outcome, title, text, ...more) {
  const tone = tones[outcome];
  const body = element("div", {}, element("span", { class: "verdict-word" }, word(outcome)), element("strong", {}, title), text ? element("p", {}, text) : null, ...more);
  place.replaceChildren(element("div", { class: `scan-last ${tone}`, "data-outcome": outcome }, icon(tone), body));
  feedback(sounds[outcome], `${word(outcome)} ${title} ${text || ""}`);
}

/** Work that goes on, and its end: no sound of its own. */
export function report(place, tone, title, text) {
  const body = element("div", {}, element("strong", {}, title), text ? element("p", {}, text) : null);
  place.replaceChildren(element("div", { class: `scan-last ${tone}`, "data-report": tone }, icon(tone), body));
}

export function printed(line) {
  const { lot, expiry } = line;
  if (lot && expiry) return word("batch_and_expiry", { lot, expiry });
  return lot ? word("batch_only", { lot }) : expiry ? word("expiry_only", { expiry }) : "";
}

/** What is wrong with a line for what is to be done, or nothing. */
export function fault(line, act) {
  if (line.raw) return word("no_signal");
  if (line.done) return "";
  const lacks = line.lacks.map((name) => word(`lacks_${name}`)).join(" · ");
  if (line.outcome === "wrong") return line.text;
  if (act && !line.fits.includes(act)) return line.faults[act] || "";
  return act === "receive" || !act ? lacks : "";
}

function toneOf(line, act) {
  if (line.done) return line.done.undone ? "plain" : line.done.tone;
  if (line.raw || line.sent) return "hold";
  if (line.outcome === "wrong") return "bad";
  const received = line.goods && (act === "receive" || !act);
  if (received) return line.fits.includes("receive") && !line.lacks.length ? "ok" : line.outcome === "new" && !act ? "info" : "hold";
  return act && !line.fits.includes(act) ? "bad" : tones[line.outcome];
}

function state(line, act) {
  if (line.done) return [line.done.title, line.done.text];
  if (line.sent) return [word("not_sent"), ""];
  const wrong = fault(line, act);
  return [wrong || line.text, line.say];
}

function labels(line) {
  if (!line.goods || line.done || line.outcome === "wrong" || line.lacks.length) return null;
  const wanted = line.bag ? 1 : line.boxes;
  const parts = [];
  if (line.labels.length) parts.push(word("labels_on", { count: line.labels.length }));
  if (line.labels.length && line.labels.length < wanted) parts.push(word("labels_short", { count: wanted - line.labels.length }));
  if (traces(line).length) parts.push(word("traces_on", { count: traces(line).length }));
  return parts.length ? element("p", { class: "muted small" }, parts.join(" · ")) : null;
}

function stepper(line, act, press) {
  if (!line.goods || (act && act !== "receive") || line.done || line.sent || !fits(line, "receive")) return null;
  const least = fewest(line);
  const step = (by, shape, key) => element("button", { class: "button", type: "button", "data-step": by, "aria-label": word(key) }, icon(shape));
  const field = element("input", { class: "input", type: "number", inputmode: "numeric", min: least, max: room(line), value: line.boxes, "aria-label": word("boxes_label"), "data-basket-boxes": "" });
  // While somebody types nothing is redrawn under the hand; − and + come as events of form.js.
  field.addEventListener("input", (event) => {
    const wanted = Number.parseInt(field.value, 10);
    if (!event.isTrusted) press.boxes(line, wanted);
    else if (wanted >= least && wanted <= room(line)) press.typed(line, wanted, field.closest("[data-line]"));
  });
  field.addEventListener("change", () => { field.value = line.boxes; });
  return element("div", { class: "stepper", "data-stepper": "" }, step(-1, "minus", "less"), field, step(1, "plus", "more"), element("span", { class: "unit" }, word("boxes_unit")));
}

function bag(line, press) {
  if (!line.goods || line.done || line.sent || line.labels.length > 1 || !fits(line, "receive")) return null;
  const tick = element("input", { type: "checkbox", "data-basket-bag": "", ...(line.bag ? { checked: "" } : {}) });
  tick.addEventListener("change", () => press.bag(line, tick.checked));
  return element("label", { class: "choice", "data-basket-bag-box": "", ...(line.boxes < 2 ? { hidden: "" } : {}) }, tick, element("span", { class: "choice-text" }, word("bag")), element("span", { class: "choice-ring" }));
}

function choices(line, press) {
  if (!line.choices || line.choices.length === 0 || line.done) return null;
  const english = document.documentElement.lang === "en";
  const offered = line.choices.map((one) => button("item", "check", `${english ? one.name_en : one.name_zh} ${one.strength}`, () => press.choose(line, one.item)));
  return element("div", { class: "choices", role: "group", "aria-label": word("choose") }, ...offered);
}

function tools(line, press) {
  const row = element("div", { class: "row" });
  if (line.raw) row.append(button("again", "same", word("look_again"), () => press.again()));
  if (line.page) row.append(element("a", { class: "button", href: line.page }, icon("next"), element("span", {}, word("open"))));
  if (line.done && line.done.look && !line.done.undone) row.append(element("a", { class: "button", href: line.done.look, "data-basket-look": "" }, icon("search"), element("span", {}, word("look"))));
  const alone = line.goods && !line.done && !line.sent && line.outcome !== "wrong" && (line.lacks.length > 0 || !line.fits.includes("receive"));
  if (alone && press.receives) row.append(button("single", "edit", word("alone"), () => press.alone(line)));
  if (!line.done && !line.sent) row.append(button("remove", "close", word("remove"), () => press.remove(line)));
  return row.childElementCount ? row : null;
}

export function drawLine(line, act, press) {
  const tone = toneOf(line, act);
  const [first, second] = state(line, act);
  const parts = [
    element("strong", {}, line.title),
    printed(line) ? element("p", { class: "muted number" }, printed(line)) : null,
    first ? element("p", { class: `basket-state ${tone}` }, first) : null,
    second ? element("p", { class: "small" }, second) : null,
    labels(line), stepper(line, act, press), bag(line, press), choices(line, press), tools(line, press),
  ];
  return element("li", { class: `basket-line ${tone}`, "data-line": line.id, "data-tone": tone }, icon(tone), element("div", {}, ...parts.filter(Boolean)));
}

/** What a count found, by item and lot; what was scanned but stands elsewhere by its name. */
export function drawCount(place, where, told, nameOf) {
  const english = document.documentElement.lang === "en";
  const equal = told.elsewhere.length === 0 && told.lines.every((line) => line.scanned === line.expected);
  const total = told.lines.reduce((sum, line) => sum + line.scanned, 0);
  const rows = told.lines.map((line) => {
    const same = line.scanned === line.expected;
    const text = same ? word("counted_equal_line", { count: line.scanned }) : word("counted_of", { scanned: line.scanned, expected: line.expected });
    const missing = same ? null : element("p", {}, word("counted_short", { count: line.expected - line.scanned, labels: line.missing.map((code) => `…${code}`).join(" ") }));
    const name = element("strong", {}, `${english ? line.name_en : line.name_zh} ${line.strength}`);
    const lot = printed({ lot: line.lot_number, expiry: line.expiry });
    return element("li", { class: `basket-line ${same ? "ok" : "bad"}` }, icon(same ? "ok" : "bad"), element("div", {}, name, lot ? element("p", { class: "muted number" }, lot) : null, element("p", {}, text), missing));
  });
  for (const pack of told.elsewhere) {
    rows.push(element("li", { class: "basket-line hold" }, icon("hold"), element("div", {}, element("strong", {}, nameOf(pack)), element("p", {}, word("counted_elsewhere")))));
  }
  place.replaceChildren(element("ul", { class: "basket-lines" }, ...rows));
  return [equal, equal ? word("counted_equal", { place: where, count: total }) : word("counted_differs", { place: where })];
}
