// The camera, from asking for it to letting it go. One is open at a time; it stops when the page is hidden.
const PAUSE_MS = 60;
const THOROUGH_EVERY = 4; // most looks are quick and inside the frame, some search the whole picture

export class CameraRefused extends Error {
  /** why: a key of the page's words. */
  constructor(why) {
    super(why);
    this.why = why;
  }
}

const reasons = { NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "no_camera", OverconstrainedError: "no_camera", NotReadableError: "busy", AbortError: "busy" };
const inWeChat = () => /MicroMessenger/i.test(navigator.userAgent);

async function ask() {
  if (typeof WebAssembly !== "object" || typeof WebAssembly.instantiate !== "function") throw new CameraRefused(inWeChat() ? "wechat" : "old");
  if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
    if (inWeChat()) throw new CameraRefused("wechat");
    throw new CameraRefused(window.isSecureContext ? "no_camera" : "insecure");
  }
  const video = { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } };
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio: false });
  } catch (error) {
    const why = reasons[error.name] || "no_camera";
    throw new CameraRefused(why === "refused" && inWeChat() ? "wechat" : why);
  }
}

export class Camera {
  /** video: the element that shows the picture; read: (ImageData, thorough) → found or null. */
  constructor(video, read, onFound, onStop) {
    Object.assign(this, { video, read, onFound, onStop, stream: null, looks: 0, unsure: "" });
    this.canvas = document.createElement("canvas");
    this.surface = this.canvas.getContext("2d", { willReadFrequently: true });
    this.hide = () => document.hidden && this.stop();
  }

  async start() {
    const stream = await ask();
    this.stream = stream;
    this.video.srcObject = stream;
    document.addEventListener("visibilitychange", this.hide);
    window.addEventListener("pagehide", this.hide);
    stream.getVideoTracks()[0].addEventListener("ended", () => this.stop());
    await this.video.play();
    this.look(stream);
  }

  stop() {
    if (!this.stream) return;
    for (const track of this.stream.getTracks()) track.stop();
    this.stream = null;
    this.video.srcObject = null;
    document.removeEventListener("visibilitychange", this.hide);
    window.removeEventListener("pagehide", this.hide);
    this.onStop();
  }

  get track() {
    return this.stream ? this.stream.getVideoTracks()[0] : null;
  }

  hasTorch() {
    return Boolean(this.track && this.track.getCapabilities && this.track.getCapabilities().torch);
  }

  torch(on) {
    return this.track.applyConstraints({ advanced: [{ torch: on }] });
  }

  async look(stream) {
    while (this.stream === stream) {
      const thorough = this.looks++ % THOROUGH_EVERY === THOROUGH_EVERY - 1;
      const image = this.frame(thorough);
      const found = image && (await this.read(image, thorough));
      if (found && this.stream === stream && this.sure(found)) this.onFound(found);
      await new Promise((resume) => setTimeout(resume, PAUSE_MS));
    }
  }

  frame(whole) {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width || this.video.readyState < 2) return null;
    const part = whole ? 1 : 0.8;
    this.canvas.width = Math.round(width * part);
    this.canvas.height = Math.round(height * part);
    const left = (width - this.canvas.width) / 2;
    const top = (height - this.canvas.height) / 2;
    this.surface.drawImage(this.video, left, top, this.canvas.width, this.canvas.height, 0, 0, this.canvas.width, this.canvas.height);
    return this.surface.getImageData(0, 0, this.canvas.width, this.canvas.height);
  }

  // Striped codes carry weak checks: only two equal readings count.
  sure(found) {
    if (!found.unsure) return true;
    const same = this.unsure === found.text;
    this.unsure = same ? "" : found.text;
    return same;
  }
}
