// The counting page: every scan is kept on the phone before it is sent, a bag asks for its units, the last scan is undone in one tap.
import { post, Unsent } from "./basket-acts.js";
import { element, icon, notice } from "./draw.js";
import { feedback } from "./feedback.js";
import { newKey } from "./keymaking.js";
import { word } from "./words.js";

class Page {
  constructor(root) {
    this.root = root;
    this.turn = Promise.resolve();
    this.asking = null;
    const { owner, stocktake, place, line } = root.dataset;
    this.store = ["count", owner, stocktake, place, line].join(":");
    this.about = { stocktake, place, line: line || null };
    // Before the panel itself hears of it: on this page a hit opens nothing.
    root.addEventListener("scan", (event) => { event.stopPropagation(); this.seen(event.detail.text); }, true);
    root.querySelector("[data-scan-form]").addEventListener("submit", (event) => this.typed(event), true);
    this.part("ask").addEventListener("submit", (event) => this.answered(event));
    window.addEventListener("online", () => this.sendKept());
    if (this.kept().length) this.sendKept();
  }

  part(name) { return this.root.querySelector(`[data-count-${name}]`); }

  kept() {
    try {
      return JSON.parse(localStorage.getItem(this.store) || "[]");
    } catch {
      return [];
    }
  }

  // Where the phone keeps nothing (private windows), the page itself still does until it is closed.
  keep(orders) {
    try {
      localStorage.setItem(this.store, JSON.stringify(orders));
    } catch {
      this.root.dataset.forgetful = "yes";
    }
  }

  typed(event) {
    event.preventDefault();
    event.stopPropagation();
    const field = event.currentTarget.elements.text;
    const text = field.value.trim();
    field.value = "";
    if (text) this.seen(text);
  }

  seen(text) {
    if (this.asking) return this.say("wrong", word("count_bag"), "");
    const order = { ...this.about, key: newKey(), text, scanned_at: new Date().toISOString() };
    this.keep([...this.kept(), order]);
    return this.later(order);
  }

  later(order) {
    this.turn = this.turn.then(() => this.send(order));
    return this.turn;
  }

  sendKept() {
    this.part("unsent").replaceChildren();
    for (const order of this.kept()) this.later(order);
  }

  async send(order) {
    let answer;
    try {
      answer = await post("/api/stocktakes/scans", { ...order, sent_at: new Date().toISOString() });
    } catch (error) {
      if (!(error instanceof Unsent)) throw error;
      return this.unsent(error.message);
    }
    const { ok, said } = answer;
    if (ok && said.ask) return this.ask(order, said);
    this.keep(this.kept().filter((one) => one.key !== order.key));
    if (!ok) return this.say("wrong", said.title || word("wrong_title"), said.detail || "");
    return this.counted(said);
  }

  unsent(why) {
    const again = element("button", { class: "button", type: "button" }, word("count_send"));
    again.addEventListener("click", () => this.sendKept());
    const words = why === "signed_out" ? word("signed_out") : word("count_kept", { n: this.kept().length });
    this.part("unsent").replaceChildren(notice("hold", words, again));
    feedback("wrong", words);
  }

  name(said) {
    const name = document.documentElement.lang.startsWith("zh") ? said.name_zh : said.name_en;
    return `${name} ${said.strength}`.trim();
  }

  ask(order, said) {
    this.asking = order;
    const form = this.part("ask");
    this.part("bag").textContent = this.name(said);
    form.hidden = false;
    form.elements.quantity.value = "";
    form.elements.quantity.focus();
    feedback("new", `${this.name(said)} ${word("count_bag")}`);
  }

  answered(event) {
    event.preventDefault();
    const form = event.currentTarget;
    const order = { ...(this.asking || { ...this.about, key: newKey(), text: form.elements.text.value }), quantity: Number(form.elements.quantity.value) };
    this.asking = null;
    form.hidden = true;
    this.keep([...this.kept().filter((one) => one.key !== order.key), order]);
    this.later(order);
    this.root.querySelector("[data-scan-text]").focus();
  }

  counted(said) {
    if (!said.again) this.number(1);
    const title = `${this.name(said)} ×${said.quantity}`;
    this.say(said.again ? "duplicate" : "ok", title, said.again ? word("count_again") : word("count_ok"));
    const back = element("button", { class: "button", type: "button" }, icon("undo"), word("count_undo"));
    const row = element("li", {}, element("strong", {}, title), back);
    const key = newKey();
    back.addEventListener("click", () => this.undo(said, row, key));
    this.part("list").hidden = false;
    this.part("list").querySelector("ul").prepend(row);
  }

  async undo(said, row, key) {
    try {
      const { ok, said: answer } = await post("/api/stocktakes/withdraw", { key, scan: said.scan });
      if (!ok) return this.say("wrong", answer.title, answer.detail || "");
    } catch (error) {
      if (!(error instanceof Unsent)) throw error;
      return this.say("wrong", word("wrong_title"), word(error.message === "signed_out" ? "signed_out" : "count_wrong"));
    }
    row.remove();
    if (!said.again) this.number(-1);
    return this.say("duplicate", word("count_undone"), this.name(said));
  }

  number(step) {
    const shown = this.part("number");
    shown.textContent = String(Math.max(0, Number(shown.textContent) + step));
  }

  say(outcome, title, text) {
    const tone = { ok: "ok", duplicate: "hold", wrong: "bad" }[outcome];
    const body = element("div", {}, element("strong", {}, title), text ? element("p", {}, text) : null);
    this.part("said").replaceChildren(element("div", { class: `scan-last ${tone}`, "data-outcome": outcome }, icon(tone), body));
    feedback(outcome, `${title} ${text}`);
  }
}

for (const root of document.querySelectorAll("[data-count]")) new Page(root);
