// The scan page: it stays open, answers every hit at once, joins the two codes of one box, and then acts on all.
import { fits, keepable, least, List, room, takesTrace, traces } from "./basket-list.js";
import { one, post, undo, undoable, Unsent } from "./basket-acts.js";
import { button, drawCount, drawLine, report, say } from "./basket-view.js";
import { element } from "./draw.js";
import { announce } from "./feedback.js";
import { word } from "./basket-words.js";

const UNLISTED = new Set(["void", "never_issued", "mistyped", "foreign", "unreadable"]);
const SURE_MS = 6000;

// A redrawn line keeps the focus where the finger was.
function focused() {
  const here = document.activeElement;
  const line = here && here.closest("[data-basket-lines] [data-line]");
  const named = line && Array.from(here.attributes).find((one) => one.name.startsWith("data-"));
  return named ? `[data-line="${line.dataset.line}"] [${named.name}="${named.value}"]` : "";
}

function refocus(selector) {
  const there = selector && document.querySelector(selector);
  if (there) there.focus({ preventScroll: true });
}

class Page {
  constructor(root) {
    this.root = root;
    this.list = new List(root.dataset.owner);
    this.turn = Promise.resolve();
    this.busy = false;
    this.sureUntil = 0;
    const press = (name, how) => { for (const found of this.all(name)) found.addEventListener("click", (event) => how(event.currentTarget)); };
    // Before the panel itself hears of it: on this page a hit opens nothing.
    root.addEventListener("scan", (event) => this.scanned(event), true);
    root.querySelector("[data-scan-form]").addEventListener("submit", (event) => this.typed(event), true);
    this.part("fill").addEventListener("submit", (event) => this.filled(event));
    press("undo", () => this.undoLast());
    press("undo-all", () => this.undoAll());
    press("choose", (found) => this.choose(found.dataset.basketChoose));
    press("change", () => this.choose(""));
    press("held", () => this.act("receive", { sure: false }));
    press("target", (found) => this.aim(found));
    window.addEventListener("online", () => this.lookAgain());
    this.draw();
  }

  all(name) { return this.root.querySelectorAll(`[data-basket-${name}]`); }

  part(name) { return document.querySelector(`[data-basket-${name}]`); }

  get station() {
    const chosen = this.root.querySelector("[name=basket_station]");
    return this.root.dataset.station || (chosen && chosen.value) || null;
  }

  say(...what) {
    say(this.part("said"), ...what);
    this.part("said").scrollIntoView({ block: "nearest" });
  }

  // ------------------------------------------------------------ hits

  scanned(event) {
    event.stopPropagation();
    this.hit(event.detail.text);
  }

  typed(event) {
    event.preventDefault();
    event.stopPropagation();
    const field = event.currentTarget.elements.text;
    const text = field.value.trim();
    field.value = "";
    if (text) this.hit(text);
  }

  hit(text) {
    this.turn = this.turn.then(() => this.answer(text.trim()));
    return this.turn;
  }

  async answer(text) {
    const { waiting } = this.list;
    const before = this.list.withText(text);
    // Two boxes may carry the same batch code, so a box that waits for its second code asks first.
    if (before && (!waiting || before === waiting)) return this.again(before);
    const question = { text, station: this.station };
    if (waiting && waiting.choices.length === 0) question.beside = waiting.goods;
    try {
      const { ok, said } = await post("/api/scan/line", question);
      if (!ok) this.say("wrong", said.title, said.detail);
      else this.take(said, text, question.beside ? waiting : null);
    } catch (error) {
      if (!(error instanceof Unsent)) throw error;
      this.unanswered(text, error.message);
    }
    return this.draw();
  }

  unanswered(text, why) {
    if (why === "signed_out") return this.say("wrong", word("signed_out"), "");
    if (!keepable(text)) return this.say("unsent", word("no_signal_link"), "");
    this.list.change((list) => list.add({ raw: text, title: text, text: "", fits: [], faults: {}, lacks: [], choices: [] }, text));
    return this.say("unsent", text, word("no_signal"));
  }

  async lookAgain() {
    const waiting = this.list.lines.filter((line) => line.raw);
    this.list.lines = this.list.lines.filter((line) => !line.raw);
    for (const line of waiting) await this.hit(line.raw);
  }

  again(line) {
    const another = line.goods && !line.done && line.lacks.length === 0 && fits(line, "receive") && line.boxes < room(line) && line.serials.length === 0;
    const more = another ? button("another", "plus", word("one_more"), () => this.another(line)) : null;
    this.say("duplicate", line.title, word(another ? "same_listed" : "already_listed"), more);
  }

  take(told, text, waiting) {
    if (UNLISTED.has(told.what)) return this.say("wrong", told.title, told.text);
    if (told.what === "blank") return this.label(told, text);
    if (told.trace && !told.goods) return this.trace(told, text);
    if (told.what === "product") return told.joined ? this.join(waiting, told, text) : this.box(told, text);
    if (told.kind === "place") return this.place(told);
    return this.thing(told, text);
  }

  thing(told, text) {
    const before = this.list.lines.find((line) => line.subject === told.subject && line.subject);
    if (before) return this.again(before);
    const act = this.acting;
    this.list.change((list) => list.add(told, text));
    const wrong = told.outcome === "wrong" || (act && !told.fits.includes(act));
    return this.say(wrong ? "wrong" : told.outcome, told.title, wrong && act ? told.faults[act] || told.text : told.text);
  }

  place(told) {
    const target = this.acting && Array.from(this.section.querySelectorAll("[data-basket-target]")).find((found) => found.dataset.basketTarget === told.subject);
    this.say("known", told.title, told.text);
    if (target) this.aim(target);
  }

  box(told, text) {
    const { list } = this;
    const serial = told.goods.serial;
    const before = told.goods.item || told.goods.gtin ? list.alike(told.goods) : null;
    if (before && serial && !before.serials.includes(serial) && before.boxes < room(before) && before.lacks.length === 0) {
      list.change(() => {
        before.serials.push(serial);
        before.texts.push(text);
        if (told.trace && takesTrace(before)) before.traces = [...traces(before), text];
        before.boxes = Math.max(before.boxes, before.serials.length);
      });
      if (told.trace === "before") return this.say("wrong", told.title, word("trace_before"));
      return this.say("known", told.title, word("box_added", { count: before.boxes }));
    }
    if (before) return this.again(before);
    const open = list.waiting;
    const line = list.change(() => {
      const made = list.add(told, text);
      if (serial) made.serials.push(serial);
      if (list.label && told.outcome !== "wrong") made.labels.push(list.label);
      if (list.trace && told.outcome !== "wrong") made.traces.push(list.trace);
      else if (told.trace) made.traces.push(text);
      if (told.outcome !== "wrong") Object.assign(list, { label: null, trace: null });
      return made;
    });
    if (told.trace === "before" && told.outcome !== "wrong") return this.say("wrong", told.title, word("trace_before"));
    const act = list.act;
    if (act && !line.fits.includes(act) && told.outcome === "known") return this.say("wrong", told.title, line.faults[act] || told.text);
    return this.say(told.outcome, told.title, `${told.text} ${this.next(line)} ${open ? word("left_open") : ""}`.trim());
  }

  join(line, told, text) {
    this.list.change(() => {
      const { title, text: state, outcome, name, strength, lot, expiry, fits: can, faults, goods, lacks, choices, say: donor } = told;
      Object.assign(line, { title, text: state, outcome, name, strength, lot, expiry, fits: can, faults, goods, lacks, choices, say: donor });
      if (text) line.texts.push(text);
      if (goods.serial) line.serials.push(goods.serial);
      if (told.trace && takesTrace(line)) line.traces = [...traces(line), text];
    });
    if (told.trace === "before" && told.outcome !== "wrong") return this.say("wrong", told.title, word("trace_before"));
    this.say(told.outcome, told.title, told.outcome === "wrong" ? told.text : `${word("joined")} ${this.next(line)}`);
  }

  next(line) {
    if (line.outcome === "wrong" || !line.fits.includes("receive")) return "";
    if (line.lacks.length) return "";
    return line.labels.length ? "" : word("label_next");
  }

  /** The trace code of one box: of the box that was scanned last, or else of the next. */
  trace(told, text) {
    const { list } = this;
    const line = list.labelled;
    const wrong = told.trace === "before";
    if (!this.part("act=receive")) return this.say(told.outcome, told.title, told.text);
    if (list.trace === text || list.lines.some((one) => traces(one).includes(text) && !(one.done && one.done.undone))) return this.say("duplicate", told.title, word("trace_again"));
    if (!line || line.outcome === "wrong" || !line.fits.includes("receive")) {
      list.change(() => { list.trace = text; });
      return this.say(wrong ? "wrong" : "new", told.title, word(wrong ? "trace_before" : "trace_waits"));
    }
    if (!takesTrace(line)) return this.say("wrong", line.title, word("trace_full"));
    list.change(() => {
      line.traces = [...traces(line), text];
      line.boxes = Math.max(line.boxes, line.traces.length);
    });
    return this.say(wrong ? "wrong" : "known", line.title, wrong ? word("trace_before") : word("trace_added", { count: line.traces.length }));
  }

  label(told, text) {
    const { list } = this;
    const line = list.labelled;
    if (list.label === told.code || list.lines.some((one) => one.labels.includes(told.code))) return this.say("duplicate", told.title, word("label_again"));
    if (line && line.outcome === "wrong") return this.say("wrong", line.title, word("label_refused"));
    if (!line || !(line.fits.includes("receive"))) {
      list.change(() => { list.label = told.code; });
      return this.say("new", told.title, word("label_waits"));
    }
    if (line.bag && line.labels.length > 0) return this.say("wrong", line.title, word("label_full"));
    if (line.labels.length >= room(line)) return this.say("wrong", line.title, word("label_full"));
    list.change(() => {
      line.labels.push(told.code);
      line.texts.push(text);
      if (!line.bag) line.boxes = Math.max(line.boxes, line.labels.length);
    });
    return this.say("known", line.title, word("label_added", { count: line.labels.length }));
  }

  // ------------------------------------------------------------ a box by hand

  async filled(event) {
    event.preventDefault();
    event.stopPropagation();
    const line = this.list.waiting;
    const lot = this.root.querySelector("#f-second_lot");
    const until = this.root.querySelector("#f-second_expiry");
    if (!line || this.busy) return;
    const beside = { ...line.goods, lot: lot.value.trim() || line.goods.lot, expiry: until.value.trim() || line.goods.expiry };
    const told = await this.judged(line, beside);
    if (!told) return;
    lot.value = "";
    until.value = "";
    until.dispatchEvent(new Event("input", { bubbles: true }));
  }

  async judged(line, beside) {
    const place = this.part("fill-fault");
    place.hidden = true;
    try {
      const { ok, said } = await post("/api/scan/line", { beside, station: this.station });
      if (ok) this.join(line, said, "");
      else {
        place.querySelector("span").textContent = said.errors && said.errors.length ? said.errors[0].reason : said.title;
        place.hidden = false;
        announce(place.textContent, true);
      }
      this.draw();
      return ok;
    } catch (error) {
      if (!(error instanceof Unsent)) throw error;
      this.say("unsent", line.title, word(error.message));
      return false;
    }
  }

  boxes(line, wanted) {
    const fewest = least(line);
    const boxes = Math.min(room(line), Math.max(fewest, wanted || fewest));
    if (boxes !== line.boxes) this.list.change(() => { line.boxes = boxes; });
    this.draw();
  }

  counted(line, boxes, row) {
    this.list.change(() => { line.boxes = boxes; });
    const bag = row.querySelector("[data-basket-bag-box]");
    if (bag) bag.hidden = boxes < 2;
    this.drawBar(this.acting, this.list.lines);
  }

  another(line) {
    this.boxes(line, line.boxes + 1);
    this.say("known", line.title, word("box_added", { count: line.boxes }));
  }

  bag(line, on) {
    this.list.change(() => {
      line.bag = on;
      line.boxes = Math.min(line.boxes, room(line));
    });
    this.draw();
  }

  remove(line) {
    this.list.change((list) => list.remove(line));
    announce(word("undone"));
    this.draw();
  }

  alone(line) {
    const form = this.part("alone");
    for (const old of form.querySelectorAll("[data-own]")) old.remove();
    const { item, gtin, lot, expiry, approval_number: number } = line.goods;
    const values = { item, gtin, lot_number: lot, expiry, approval_number: number, label: line.labels[0], trace_code: traces(line)[0], station: this.station, donation: this.list.donation };
    for (const [name, value] of Object.entries(values)) if (value) form.append(element("input", { type: "hidden", name, value, "data-own": "" }));
    this.list.change((list) => list.remove(line));
    form.requestSubmit ? form.requestSubmit() : form.submit();
  }

  // ------------------------------------------------------------ several, then act

  /** What was chosen; where every line can only be received, nothing need be chosen. */
  get acting() {
    const open = this.list.lines.filter((line) => !line.done && !line.raw);
    const only = open.length > 0 && open.every((line) => line.goods) && this.part("act=receive");
    return this.list.act || (only ? "receive" : "");
  }

  get section() { return this.part(`act=${this.acting}`); }

  choose(act) {
    this.list.act = act;
    this.list.save();
    this.draw();
    if (!act) {
      this.part("chooser").open = true;
      this.part("chooser").querySelector("summary").focus();
    }
  }

  aim(found) {
    if (this.acting === "count") return this.count(found);
    return this.act(this.acting, { target: found.dataset.basketTarget });
  }

  async act(act, given) {
    if (this.busy) return;
    const lines = this.list.fitting(act);
    const place = this.part("said");
    if (lines.length === 0) return report(place, "hold", word("none_fits"));
    if (act === "receive" && !this.station) {
      this.root.querySelector("[name=basket_station]").focus();
      return report(place, "hold", word("which_station"));
    }
    this.working(true);
    let good = 0;
    let stopped = "";
    for (const [number, line] of lines.entries()) {
      report(place, "info", word("sending", { done: number + 1, all: lines.length }));
      try {
        if (await one(this.list, line, act, { station: this.station, donation: this.list.donation, ...given })) good += 1;
      } catch (error) {
        if (!(error instanceof Unsent)) throw error;
        stopped = error.message;
        break;
      }
    }
    this.list.trail = [];
    this.working(false);
    this.summed(good, lines.length - good, stopped, act);
  }

  summed(good, left, stopped, act) {
    const more = act === "pack" && good ? word("packed_undo") : "";
    if (stopped) this.say("unsent", word("some_left", { done: good, left }), word(stopped));
    else if (left) this.say("wrong", word("some_left", { done: good, left }), more);
    else this.say("known", word("all_done", { done: good }), more);
  }

  working(on) {
    this.busy = on;
    for (const found of document.querySelectorAll("[data-basket] button, [data-basket-bar] button")) {
      if (on) found.setAttribute("aria-disabled", "true");
      else found.removeAttribute("aria-disabled");
    }
    if (!on) this.draw();
  }

  async count(found) {
    if (this.busy) return;
    const lines = this.list.fitting("count");
    this.working(true);
    try {
      const { ok, said } = await post("/api/places/count", { place: found.dataset.basketTarget, packs: lines.map((line) => line.subject) });
      const nameOf = (pack) => (lines.find((line) => line.subject === pack) || { title: "" }).title;
      if (!ok) this.say("wrong", said.title, said.detail);
      else {
        const [equal, words] = drawCount(this.part("counted"), found.dataset.name, said, nameOf);
        this.say(equal ? "known" : "wrong", words, equal ? "" : word("counted_only"));
      }
    } catch (error) {
      if (!(error instanceof Unsent)) throw error;
      this.say("unsent", word(error.message), "");
    }
    this.working(false);
  }

  print() {
    const form = this.part("print");
    for (const old of form.querySelectorAll("[name=subjects]")) old.remove();
    for (const value of this.toPrint) form.append(element("input", { type: "hidden", name: "subjects", value }));
    form.requestSubmit ? form.requestSubmit() : form.submit();
  }

  get toPrint() {
    return this.list.fitting("print").flatMap((line) => (line.subject ? [line.subject] : line.done.to_print));
  }

  // ------------------------------------------------------------ undo

  async undoLast() {
    if (this.busy) return;
    const place = this.part("said");
    if (this.list.back()) {
      report(place, "info", word("undone"));
      announce(word("undone"));
      return this.draw();
    }
    const last = this.list.lines.filter(undoable).pop();
    if (!last) return report(place, "info", word("undo_none"));
    return this.undoLines([last]);
  }

  async undoAll() {
    if (this.busy) return;
    const sent = this.list.lines.filter(undoable).reverse();
    if (sent.length > 0 && performance.now() > this.sureUntil) return this.askSure();
    this.sureUntil = 0;
    await this.undoLines(sent);
    if (this.list.lines.some((line) => !line.done)) {
      this.list.change((list) => {
        list.lines = list.lines.filter((line) => line.done || line.sent);
        Object.assign(list, { label: null, trace: null });
      });
      report(this.part("said"), "info", word("cleared"));
      announce(word("cleared"));
    }
    this.draw();
  }

  askSure() {
    this.sureUntil = performance.now() + SURE_MS;
    const words = this.part("undo-all").querySelector("span");
    words.textContent = word("undo_sure");
    announce(word("undo_sure"), true);
    setTimeout(() => { words.textContent = word("undo_all"); }, SURE_MS);
  }

  async undoLines(lines) {
    if (lines.length === 0) return;
    this.working(true);
    let last = null;
    let left = 0;
    for (const line of lines) {
      try {
        last = await undo(this.list, line);
        left += last.ok ? 0 : 1;
      } catch (error) {
        if (!(error instanceof Unsent)) throw error;
        last = { ok: false, title: word(error.message), text: "" };
        left = lines.length;
        break;
      }
    }
    this.working(false);
    this.say(left ? "wrong" : "known", last.title, last.text);
  }

  finish() {
    this.list.lines = this.list.lines.filter((line) => !line.done);
    Object.assign(this.list, { act: "", donation: null, trail: [] });
    this.list.save();
    this.part("said").replaceChildren();
    this.draw();
    document.querySelector("[data-scan-open]").focus();
  }

  // ------------------------------------------------------------ drawing

  draw() {
    const { lines } = this.list;
    const act = this.acting;
    const press = {
      boxes: (line, wanted) => this.boxes(line, wanted), typed: (line, wanted, row) => this.counted(line, wanted, row), bag: (line, on) => this.bag(line, on), remove: (line) => this.remove(line),
      choose: (line, item) => this.judged(line, { ...line.goods, item }), alone: (line) => this.alone(line), again: () => this.lookAgain(),
      receives: Boolean(this.part("act=receive")),
    };
    this.part("box").hidden = lines.length === 0;
    const hint = this.root.querySelector("#scan-hint"); // who has scanned knows what can be scanned
    if (hint) hint.hidden = lines.length > 0;
    this.part("count").textContent = word("count", { count: lines.length });
    const focus = focused();
    this.part("lines").replaceChildren(...lines.map((line) => drawLine(line, act, press)).reverse());
    refocus(focus);
    const { waiting } = this.list;
    this.part("second").hidden = !(waiting && waiting.lacks.some((name) => name !== "item"));
    this.drawActs(act, lines);
    this.drawBar(act, lines);
  }

  drawActs(act, lines) {
    const open = lines.filter((line) => !line.done);
    const chooser = this.part("chooser");
    if (chooser) {
      chooser.hidden = act !== "" || (lines.length > 0 && open.length === 0);
      if (open.length > 0) chooser.open = true;
    }
    for (const section of this.root.querySelectorAll("[data-basket-act]")) {
      section.hidden = section.dataset.basketAct !== act || (open.length === 0 && lines.length > 0 && act !== "count" && act !== "print");
      const misfits = open.filter((line) => !fits(line, act)).length;
      const told = section.querySelector("[data-basket-misfits]");
      told.hidden = misfits === 0;
      told.textContent = word("fault_count", { count: misfits });
      section.querySelector("[data-basket-change]").hidden = !this.list.act;
    }
  }

  drawBar(act, lines) {
    const bar = this.part("bar");
    const made = this.part("second").hidden ? this.mainButtons(act, lines) : []; // one step after the other
    bar.hidden = made.length === 0;
    bar.parentElement.hidden = bar.hidden;
    document.querySelector("[data-scan-open]").classList.toggle("primary", made.length === 0); // one main button at a time
    const state = made.map((one) => one.textContent).join("|");
    if (state === bar.dataset.state) return; // a button under the finger stays
    bar.dataset.state = state;
    bar.replaceChildren(...made);
  }

  mainButtons(act, lines) {
    const main = (name, shape, words, press, tone = " primary") => button(name, shape, words, press, { class: `button big${tone}` });
    const ready = act === "receive" ? this.list.fitting(act) : [];
    if (ready.length > 0) {
      const count = ready.reduce((sum, line) => sum + line.boxes, 0);
      return [main("go", "check", word("receive_go", { count }), () => this.act("receive", { sure: true }))];
    }
    const over = lines.length > 0 && lines.every((line) => line.done);
    const made = [];
    if (this.part("act=print") && this.toPrint.length > 0 && (act === "print" || over)) {
      made.push(main("go-print", "print", word("print_go", { count: this.toPrint.length }), () => this.print()));
    }
    if (over) made.push(main("finish", "next", word("finish"), () => this.finish(), made.length ? "" : " primary"));
    if (made.length === 0 && !act && lines.length > 0 && this.part("chooser")) made.push(main("ask", "next", word("what_now"), () => this.ask()));
    return made;
  }

  ask() {
    const chooser = this.part("chooser");
    chooser.open = true;
    chooser.scrollIntoView({ block: "center" });
    chooser.querySelector("[data-basket-choose]").focus({ preventScroll: true });
  }
}

const root = document.querySelector("[data-basket]");
if (root) new Page(root);
