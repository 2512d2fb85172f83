// Reads codes out of pictures with the engine in ../vendor; loaded only when somebody scans. Nothing leaves the page.
import { prepareZXingModule, purgeZXingModule, readBarcodes } from "../vendor/zxing/reader/index.js";

const FORMATS = ["QRCode", "DataMatrix", "EAN13", "EAN8", "UPCA", "UPCE", "Code128", "ITF14"];
// Their own checks let one misread number in ten pass, and a wrong number is another medicine.
const STRIPED = new Set(["EAN13", "EAN8", "UPCA", "UPCE", "Code128", "ITF", "ITF14"]);
const NAMES = { QRCode: "qr_code", DataMatrix: "data_matrix", EAN13: "ean_13", EAN8: "ean_8", UPCA: "upc_a", UPCE: "upc_e", Code128: "code_128", ITF: "itf", ITF14: "itf" };
// Scanners and GS1 tell a GS1 string from a plain one by these marks in front of the text.
const GS1_MARKS = new Set(["]C1", "]d2", "]Q3", "]e0"]);
const MANY_PIXELS = 2000;
let looks = 0; // thorough ones take turns: one way of telling black from white fails in shadow, the other in low contrast

// The package would otherwise ask a foreign host for its engine.
const locateFile = (name) => new URL(`../vendor/zxing/reader/${name}`, import.meta.url).href;

const possible = typeof WebAssembly === "object" && typeof WebAssembly.instantiate === "function";

/** Resolves once the engine is there; rejects when it cannot be loaded, and may then be asked again. Where the browser
 * can never run it, nothing is fetched: the camera says so in its own words, and photos are read by the server. */
export async function engine() {
  if (!possible) return;
  try {
    await prepareZXingModule({ overrides: { locateFile }, equalityFn: () => true, fireImmediately: true });
  } catch (error) {
    purgeZXingModule();
    throw error;
  }
}

function plain(found) {
  const mark = GS1_MARKS.has(found.symbologyIdentifier) ? found.symbologyIdentifier : "";
  return { text: mark + found.text, format: NAMES[found.format] || found.format, unsure: STRIPED.has(found.format) };
}

/** image: ImageData. Answers {text, format, unsure} or null; unsure: a striped code, to be read twice alike. */
export async function read(image, thorough) {
  const found = await readBarcodes(image, {
    formats: FORMATS,
    tryHarder: thorough,
    tryRotate: true,
    tryInvert: thorough,
    tryDownscale: true,
    binarizer: thorough && (looks++ & 1) ? "GlobalHistogram" : "LocalAverage",
    maxNumberOfSymbols: 1,
    textMode: "Plain",
  });
  return found.length > 0 && found[0].isValid ? plain(found[0]) : null;
}

function pixels(picture, width, height, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const surface = canvas.getContext("2d", { willReadFrequently: true });
  surface.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return surface.getImageData(0, 0, canvas.width, canvas.height);
}

/** A photo from the phone, read in the page (without a network or a sign-in): tried large, then smaller, since a
 * blurred code reads better when shrunk. photo.js asks the server first. */
export async function readPhoto(file) {
  if (!possible) return null;
  const picture = await createImageBitmap(file);
  const largest = Math.max(picture.width, picture.height);
  try {
    for (const size of [MANY_PIXELS, MANY_PIXELS, 1200, 1200, 700, 700]) {
      const found = await read(pixels(picture, picture.width, picture.height, Math.min(1, size / largest)), true);
      if (found) return found;
    }
    return null;
  } finally {
    picture.close();
  }
}
