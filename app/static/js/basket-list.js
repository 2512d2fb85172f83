// The scan page's list: kept in this tab (codes and ids, never a person), every change of it can be taken back.
import { newKey } from "./keymaking.js";

const STORE = "scan-page"; // app.js forgets it at sign-out
const MOST_STEPS = 60;
const MOST_BOXES = 24; // as many labels as a sheet has

/** An address of somebody else may be about a person, so it is never kept; ours and GS1's are. */
export function keepable(text) {
  return !/^([a-z][a-z0-9+.-]{1,20}:|www\.)/i.test(text) || /\/L\/|\/01\//i.test(text);
}

export class List {
  constructor(owner) {
    this.owner = owner;
    this.trail = []; // what the lines were before each change that was not sent anywhere
    Object.assign(this, { lines: [], label: null, trace: null, act: "", donation: null }, this.stored());
  }

  stored() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(STORE));
      if (kept && kept.owner === this.owner) return { lines: kept.lines, label: kept.label, trace: kept.trace || null, act: kept.act, donation: kept.donation };
    } catch {
      // A damaged or forbidden store is the same as an empty one.
    }
    return {};
  }

  save() {
    try {
      const { owner, lines, label, trace, act, donation } = this;
      sessionStorage.setItem(STORE, JSON.stringify({ owner, lines, label, trace, act, donation }));
    } catch {
      // Without a store the list lives as long as the page.
    }
  }

  /** Change the lines so that «undo the last» brings back what was. */
  change(how) {
    const { lines, label, trace } = this;
    this.trail.push(JSON.stringify({ lines, label, trace }));
    if (this.trail.length > MOST_STEPS) this.trail.shift();
    const made = how(this);
    this.save();
    return made;
  }

  back() {
    const before = this.trail.pop();
    if (before) Object.assign(this, JSON.parse(before));
    this.save();
    return Boolean(before);
  }

  add(told, text) {
    const line = { id: newKey(), key: newKey(), texts: text ? [text] : [], serials: [], labels: [], traces: [], boxes: 1, bag: false, raw: null, sent: null, done: null };
    this.lines.push(Object.assign(line, told));
    return line;
  }

  remove(line) {
    this.lines = this.lines.filter((one) => one !== line);
  }

  withText(text) {
    return this.lines.find((line) => line.texts.includes(text) && !(line.done && line.done.undone));
  }

  /** The box that waits for its second code: the last one, while something of it is still unknown. */
  get waiting() {
    const last = this.boxes[this.boxes.length - 1];
    return last && !last.done && !last.sent && (last.lacks.length > 0 || last.choices.length > 0) ? last : null;
  }

  get boxes() {
    return this.lines.filter((line) => line.goods && !line.raw);
  }

  /** The line that a blank label belongs to: the last box that was scanned. */
  get labelled() {
    const last = this.boxes[this.boxes.length - 1];
    return last && !last.done && !last.sent ? last : null;
  }

  alike(goods) {
    const same = (line) => line.goods.item === goods.item && line.goods.gtin === goods.gtin;
    const agrees = (line) => (!goods.lot || goods.lot === line.goods.lot) && (!goods.expiry || goods.expiry === line.goods.expiry);
    return this.boxes.find((line) => !line.done && !line.sent && same(line) && agrees(line));
  }

  fitting(act) {
    return this.lines.filter((line) => fits(line, act));
  }
}

export function room(line) {
  return line.bag ? 10000 : MOST_BOXES;
}

/** As many boxes as a line has at least: one for each label and each trace code on it. */
export function least(line) {
  return Math.max(1, line.bag ? 1 : line.labels.length, traces(line).length);
}

export const traces = (line) => line.traces || [];

/** Whether another box can have its trace code sent with this line. */
export const takesTrace = (line) => traces(line).length < Math.min(room(line), MOST_BOXES);

/** Whether an act would take this line now. */
export function fits(line, act) {
  if (line.raw) return false;
  if (act === "print") return Boolean((line.subject && line.fits.includes("print")) || (line.done && line.done.to_print && line.done.to_print.length && !line.done.undone));
  if (line.done && act !== "count") return false;
  return line.fits.includes(act) && line.lacks.length === 0 && line.choices.length === 0;
}
