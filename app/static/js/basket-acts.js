// What is done with many: each line is sent with its own key, made before sending, and says what became of it.
import { newKey } from "./keymaking.js";
import { word } from "./basket-words.js";

export function token() {
  const meta = document.querySelector("meta[name=csrf-token]");
  return meta ? meta.content : "";
}

export class Unsent extends Error {}

/** POST JSON; answers {ok, said}. Raises Unsent where nobody can tell whether it arrived. */
export async function post(url, body) {
  let answer;
  try {
    answer = await fetch(url, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": token() },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Unsent("not_sent");
  }
  if (answer.status === 401) throw new Unsent("signed_out");
  if (answer.status >= 500) throw new Unsent("not_sent");
  return { ok: answer.ok, said: await answer.json() };
}

const orders = {
  receive: (line, { station, donation, sure }) => ["/api/donations/boxes", {
    key: line.key, station, donation, declared: sure, looked: sure, item: line.goods.item, gtin: line.goods.gtin,
    lot_number: line.goods.lot, expiry: line.goods.expiry, boxes: line.boxes, labels: line.labels, trace_codes: line.traces || [], bag: line.bag,
  }],
  move: (line, { target }) => ["/api/packs/move", { key: line.key, pack: line.subject, place: target }],
  pack: (line, { target }) => [`/packing/${target}/scan`, { text: line.code, format: "typed", idempotency_key: line.key }],
};

const packing = { ok: "ok", duplicate: "hold", wrong: "bad" };

function reasonsOf(said) {
  const more = [...(said.reasons || []).map((one) => one.text), ...(said.errors || []).map((one) => one.reason)];
  return [said.detail, ...more].filter(Boolean).join(" ");
}

/** Do one line. The order stays with the line until the server has answered, so that it is never sent twice. */
export async function one(list, line, act, given) {
  if (!line.sent) {
    line.sent = { act, order: orders[act](line, given) };
    list.save();
  }
  const { act: ordered, order } = line.sent; // of an earlier press, if its answer was lost
  const { ok, said } = await post(...order);
  line.sent = null;
  line.key = newKey();
  if (!ok) {
    line.done = null;
    Object.assign(line, { outcome: "wrong", text: `${said.title} ${reasonsOf(said)}`, fits: line.fits.filter((name) => name !== ordered) });
  } else {
    const tone = ordered === "pack" ? packing[said.outcome] : said.outcome;
    line.done = { act: ordered, tone, title: said.title, text: said.text || "", donation: said.donation, lines: said.lines, to_print: said.to_print, look: said.look, move: said.move };
    if (ordered === "receive") list.donation = said.donation;
  }
  list.save();
  return ok && line.done.tone !== "bad";
}

export const undoable = (line) => Boolean(line.done && !line.done.undone && (line.done.move || (line.done.lines && line.done.lines.length)));

/** Undo one line on the server, all of it or nothing. Answers what to say of it, or the refusal. */
export async function undo(list, line) {
  line.undo = line.undo || newKey();
  list.save();
  const { done } = line;
  const moved = done.act === "move";
  const { ok, said } = moved
    ? await post("/api/packs/move-back", { key: line.undo, move: done.move })
    : await post("/api/donations/boxes/take-back", { key: line.undo, lines: done.lines });
  line.undo = null;
  if (ok && moved) line.done = null;
  else if (ok) Object.assign(done, { undone: true, title: said.title, text: said.text || "", to_print: [] });
  else Object.assign(done, { tone: "bad", text: `${said.title} ${reasonsOf(said)}` });
  list.save();
  return { ok, title: said.title || word("undone"), text: ok ? said.text : reasonsOf(said) };
}
