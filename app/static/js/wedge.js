// A USB or Bluetooth scanner types very fast and ends with Enter: such a burst becomes a `scan` event, anywhere on a page.
const GAP_MS = 60; // slower than any scanner's pause between keys, faster than a hand
const SHORTEST = 6;
const GS = "\x1d"; // GS1's separator: scanners send it as Ctrl+] or F8
const punctuation = { Minus: "-_", Equal: "=+", Slash: "/?", Period: ".>", Comma: ",<", Semicolon: ";:", BracketLeft: "[{", BracketRight: "]}", Space: "  " };

let burst = "";
let last = 0;
let field = null;
let before = "";

function typed(event) {
  if ((event.ctrlKey && event.key === "]") || event.key === "F8" || event.key === GS) return GS;
  if (event.ctrlKey || event.altKey || event.metaKey) return null;
  if (event.key.length === 1) return event.key;
  return event.key === "Process" || event.isComposing ? fromPlace(event) : null;
}

// With a Chinese input method switched on, the key's place is all that the page is told.
function fromPlace({ code, shiftKey }) {
  if (/^Key[A-Z]$/.test(code)) return shiftKey ? code[3] : code[3].toLowerCase();
  if (/^Digit\d$/.test(code)) return shiftKey ? ")!@#$%^&*("[Number(code[5])] : code[5];
  return punctuation[code] ? punctuation[code][shiftKey ? 1 : 0] : null;
}

function begin(target) {
  burst = "";
  field = target.matches && target.matches("input, textarea") ? target : null;
  before = field ? field.value : "";
}

function finish(event) {
  const text = burst;
  burst = "";
  if (text.length < SHORTEST || event.timeStamp - last > GAP_MS) return;
  event.preventDefault();
  event.stopPropagation();
  if (field) {
    field.value = before; // the burst landed in a field that was not meant
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const panel = (field && field.closest("[data-scan]")) || document.querySelector("[data-scan]");
  const detail = { text, format: "scanner" };
  (panel || document).dispatchEvent(new CustomEvent("scan", { bubbles: true, detail }));
}

document.addEventListener(
  "keydown",
  (event) => {
    if (!event.isTrusted || event.repeat || event.target.type === "password") return;
    if (event.key === "Enter" || event.key === "Tab") return finish(event);
    const character = typed(event);
    if (character === null) return;
    if (event.timeStamp - last > GAP_MS) begin(event.target);
    if (character === GS) event.preventDefault();
    burst += character;
    last = event.timeStamp;
  },
  true,
);
