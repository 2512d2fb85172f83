// The scan panel: whatever reads a code ends as one `scan` event {text, format} on the panel, and this answers it.
import { Camera, CameraRefused } from "./camera.js";
import { collect } from "./collect.js";
import { notice } from "./draw.js";
import { announce, feedback } from "./feedback.js";
import { word } from "./words.js";

// Our labels: the address on them, or their twelve letters and digits. Nothing else belongs into a label's field.
const LABEL = /\/L\/|^(?=.*[A-Z])[2-9A-Z]{4}-?[2-9A-Z]{4}-?[2-9A-Z]{4}$/i;
const TRACE = /^\d{20}$/; // a medicine's trace code goes into its own field, where the page has one
const SAME_AGAIN_MS = 2500; // a code still lying under the camera is not a second scan

class Panel {
  constructor(root) {
    this.root = root;
    this.mode = root.dataset.mode || "go";
    this.camera = null;
    this.last = { text: "", at: 0 };
    this.part("open").addEventListener("click", () => this.open());
    this.part("close").addEventListener("click", () => this.camera && this.camera.stop());
    this.part("torch").addEventListener("click", () => this.torch());
    this.part("photo").addEventListener("change", (event) => this.photo(event.target));
    root.addEventListener("scan", (event) => this.answer(event.detail));
    if (this.mode === "collect") this.part("form").addEventListener("submit", (event) => this.typed(event));
  }

  part(name) {
    return this.root.querySelector(`[data-scan-${name}]`);
  }

  say(tone, key) {
    this.part("said").replaceChildren(notice(tone, word(key)));
    announce(word(key), tone === "bad");
  }

  async reader() {
    try {
      const loaded = await import(new URL(this.root.dataset.reader, location.href).href);
      await loaded.engine();
      return loaded;
    } catch {
      throw new CameraRefused("engine");
    }
  }

  async open() {
    if (this.camera) return;
    this.say("info", "starting");
    this.camera = new Camera(this.part("video"), null, (found) => this.found(found), () => this.closed());
    try {
      this.camera.read = (await this.reader()).read;
      this.part("view").hidden = false;
      await this.camera.start();
      this.part("open").hidden = true;
      this.part("torch").hidden = !this.camera.hasTorch();
      this.say("info", "aim");
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error) {
    if (this.camera) this.camera.stop();
    this.closed();
    this.say("hold", error instanceof CameraRefused ? error.why : "no_camera");
    if (!(error instanceof CameraRefused)) throw error;
  }

  closed() {
    this.camera = null;
    this.part("view").hidden = true;
    this.part("open").hidden = false;
    this.part("said").replaceChildren();
  }

  torch() {
    const button = this.part("torch");
    const on = button.getAttribute("aria-pressed") !== "true";
    this.camera.torch(on).then(() => button.setAttribute("aria-pressed", String(on)), () => { button.hidden = true; });
  }

  async photo(input) {
    const file = input.files[0];
    input.value = "";
    if (!file) return;
    this.say("info", "photo_reading");
    try {
      const found = await (await this.reader()).readPhoto(file);
      if (found) this.emit(found);
      else this.say("hold", "photo_nothing");
    } catch (error) {
      this.say("hold", error instanceof CameraRefused ? error.why : "photo_large");
    }
  }

  found(found) {
    const now = performance.now();
    const same = found.text === this.last.text && now - this.last.at < SAME_AGAIN_MS;
    this.last = { text: found.text, at: now };
    if (!same) this.emit(found);
  }

  emit({ text, format }) {
    this.root.dispatchEvent(new CustomEvent("scan", { bubbles: true, detail: { text, format } }));
  }

  typed(event) {
    event.preventDefault();
    const field = this.part("text");
    const text = field.value.trim();
    field.value = "";
    if (text) this.root.dispatchEvent(new CustomEvent("scan", { bubbles: true, detail: { text, format: "typed" } }));
  }

  answer({ text, format }) {
    if (this.mode === "collect") return collect(this.root, text, format);
    const trace = this.mode === "fill" && TRACE.test(text) ? document.getElementById("f-trace_code") : null;
    if (this.mode === "fill" && !trace && !LABEL.test(text)) return this.elsewhere(text, format);
    if (this.camera) this.camera.stop();
    feedback("ok", word("read"));
    return this.mode === "fill" ? this.fill(text, trace || document.getElementById(this.root.dataset.target)) : this.go(text, format);
  }

  elsewhere(text, format) {
    if (this.camera) this.camera.stop();
    document.dispatchEvent(new CustomEvent("scan", { detail: { text, format } }));
  }

  fill(text, field) {
    const fold = field.closest("details");
    if (fold) fold.open = true;
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
    this.say("ok", "read");
  }

  go(text, format) {
    const form = this.part("form");
    form.elements.text.value = text;
    form.elements.format.value = format;
    form.requestSubmit ? form.requestSubmit() : form.submit();
  }
}

for (const root of document.querySelectorAll("[data-scan]")) new Panel(root);
