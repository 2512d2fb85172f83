// Says an answer four ways at once: words for a screen reader, sound, vibration; the caller shows colour and shape.
const sounds = {
  ok: [[880, 0, 0.12]],
  new: [[660, 0, 0.08], [990, 0.1, 0.12]],
  duplicate: [[520, 0, 0.1], [520, 0.16, 0.1]],
  wrong: [[196, 0, 0.22], [156, 0.24, 0.4]],
};
const shakes = { ok: [40], new: [40, 40, 80], duplicate: [40, 60, 40], wrong: [250, 80, 250] };
let audio = null;

// Browsers allow sound only after the person has touched the page.
function wake() {
  const Context = window.AudioContext || window.webkitAudioContext;
  if (!Context) return;
  audio = audio || new Context();
  if (audio.state === "suspended") audio.resume().catch(() => {});
}
for (const gesture of ["pointerdown", "keydown"]) document.addEventListener(gesture, wake, { passive: true });

function beep([pitch, start, length]) {
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  const begin = audio.currentTime + start;
  tone.type = pitch < 300 ? "square" : "sine";
  tone.frequency.value = pitch;
  volume.gain.setValueAtTime(0.25, begin);
  volume.gain.exponentialRampToValueAtTime(0.001, begin + length);
  tone.connect(volume).connect(audio.destination);
  tone.start(begin);
  tone.stop(begin + length);
}

export function announce(text, urgent = false) {
  const region = document.querySelector(`[data-live="${urgent ? "assertive" : "polite"}"]`);
  if (!region) return;
  region.textContent = "";
  setTimeout(() => { region.textContent = text; }, 60); // an unchanged text would not be read again
}

/** kind: ok, new, duplicate or wrong. */
export function feedback(kind, text) {
  announce(text, kind === "wrong");
  if (audio && audio.state === "running") for (const tone of sounds[kind]) beep(tone);
  if (navigator.vibrate && navigator.userActivation && navigator.userActivation.hasBeenActive) navigator.vibrate(shakes[kind]);
}
