// A photo in place of the camera: scaled down here, read by the server, and answered as a `scan` event on its panel.
// Without this module the same field is a plain form that posts to /scan/photo.
import { element, icon, notice } from "./draw.js";
import { announce } from "./feedback.js";
import { word } from "./words.js";

const LONGEST_SIDE = 2000; // beyond it a code reads no better
const SMALL_ENOUGH = 1_500_000; // bytes that travel as they are
const MOST_BYTES = 8 * 1024 * 1024;
const KINDS = ["image/jpeg", "image/png", "image/webp"];

function opened(file) {
  return new Promise((resolve, reject) => {
    const picture = new Image();
    picture.onload = () => resolve(picture);
    picture.onerror = () => reject(new Error("unreadable"));
    picture.src = URL.createObjectURL(file);
  });
}

/** A JPEG with no side above LONGEST_SIDE; small files of a kind that the server reads stay as they are. */
async function lighter(file) {
  if (file.size <= SMALL_ENOUGH && KINDS.includes(file.type)) return file;
  let picture = null;
  try {
    picture = await opened(file);
    const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.naturalWidth, picture.naturalHeight));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.naturalWidth * scale));
    canvas.height = Math.max(1, Math.round(picture.naturalHeight * scale));
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    const made = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
    return made || file;
  } catch {
    return file; // the server has its own words for what it cannot open
  } finally {
    if (picture) URL.revokeObjectURL(picture.src);
  }
}

function say(panel, tone, ...text) {
  panel.querySelector("[data-scan-said]").replaceChildren(notice(tone, text.join(" ")));
  announce(text.join(" "), tone === "bad");
}

function emit(panel, { text, format }) {
  panel.querySelector("[data-scan-said]").replaceChildren();
  panel.dispatchEvent(new CustomEvent("scan", { bubbles: true, detail: { text, format } }));
}

function choose(panel, codes) {
  const heading = element("p", {}, word("photo_several"));
  const buttons = codes.map((one) => {
    const button = element("button", { class: "button", type: "button", "data-photo-code": "" }, icon("scan"), element("span", {}, one.says));
    button.addEventListener("click", () => emit(panel, one));
    return button;
  });
  panel.querySelector("[data-scan-said]").replaceChildren(heading, ...buttons);
  announce(word("photo_several"));
  buttons[0].focus();
}

function answer(panel, codes) {
  const usable = codes.filter((one) => one.usable);
  if (usable.length === 1) return emit(panel, usable[0]);
  if (usable.length > 1) return choose(panel, usable);
  return say(panel, "hold", codes.length > 0 ? codes[0].says : word("photo_nothing"));
}

function token() {
  const meta = document.querySelector("meta[name=csrf-token]");
  return meta ? meta.content : "";
}

/** The server's answer, or null where there is none to be had: no network, or nobody signed in. */
async function asked(url, photo) {
  let answered;
  try {
    answered = await fetch(url, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": KINDS.includes(photo.type) ? photo.type : KINDS[0], Accept: "application/json", "X-CSRF-Token": token() },
      body: photo,
    });
  } catch {
    return null;
  }
  if (answered.status === 401 || answered.status === 403) return null;
  return { ok: answered.ok, said: await answered.json() };
}

async function inThePage(panel, photo) {
  const { engine, readPhoto } = await import(new URL(panel.dataset.reader, location.href).href);
  await engine();
  const found = await readPhoto(photo);
  if (found) emit(panel, found);
  else say(panel, "hold", word("photo_nothing"));
}

async function read(panel, file) {
  say(panel, "info", word("photo_reading"));
  const photo = await lighter(file);
  if (photo.size > MOST_BYTES) return say(panel, "hold", word("photo_large"));
  const answered = panel.dataset.photo ? await asked(panel.dataset.photo, photo) : null;
  if (answered === null) return inThePage(panel, photo);
  return answered.ok ? answer(panel, answered.said.codes) : say(panel, "hold", answered.said.title, answered.said.detail);
}

function onChange(event) {
  const input = event.target;
  if (!input.matches || !input.matches("[data-photo-file]")) return;
  event.stopPropagation();
  const [file] = input.files;
  const panel = input.closest("[data-scan]");
  if (!file || !panel) return;
  read(panel, file).catch(() => say(panel, "hold", word("photo_large"))).finally(() => { input.value = ""; });
}

// The plain form becomes one big button that sends by itself.
for (const box of document.querySelectorAll("[data-photo-box]")) {
  box.classList.add("scan-photo");
  for (const part of box.querySelectorAll("[data-photo-face]")) part.hidden = false;
  for (const part of box.closest("[data-scan-photo]").querySelectorAll("[data-photo-send]")) part.hidden = true;
}
document.addEventListener("change", onChange, true);
