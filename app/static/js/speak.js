// Reads a leaflet aloud by the browser's own voice: nothing leaves the phone for it. A second tap stops.
const button = document.querySelector("[data-speak]");
const text = document.querySelector("[data-speak-text]");
const voice = window.speechSynthesis;
const language = document.documentElement.lang;
const SLOW = 0.85; // for ears that are not young

// A browser that has voices, but none for this language, would stay silent or read it as another one.
const hasVoice = () => {
  const voices = voice.getVoices();
  return !voices.length || voices.some(({ lang }) => lang.slice(0, 2).toLowerCase() === language.slice(0, 2));
};

// Line by line: some browsers fall silent in the middle of a long text.
const lines = () =>
  [...text.querySelectorAll("h1, h2, p")]
    .filter((line) => !line.closest(".no-print"))
    .map((line) => line.textContent.replace(/\s+/g, " ").trim())
    .filter(Boolean);

let speaking = false;
const show = (now) => {
  speaking = now;
  button.querySelector("span").textContent = speaking ? button.dataset.stop : button.dataset.start;
};

let turn = 0;
let kept = []; // some browsers forget an utterance that nobody holds, and never say that it ended
const stop = () => {
  turn += 1; // what is still under way ends unheard
  voice.cancel();
  show(false);
};

const start = () => {
  stop();
  const mine = turn;
  const failed = document.querySelector("[data-speak-failed]");
  failed.hidden = true;
  show(true);
  const said = lines();
  kept = said.map((line, number) => {
    const utterance = new SpeechSynthesisUtterance(line);
    utterance.lang = language;
    utterance.rate = SLOW;
    utterance.onerror = () => {
      if (mine !== turn) return;
      stop();
      failed.hidden = false;
    };
    utterance.onend = () => {
      if (mine === turn && number === said.length - 1) show(false);
    };
    voice.speak(utterance);
    return utterance;
  });
};

if (button && text && voice && "SpeechSynthesisUtterance" in window) {
  const offer = () => (button.hidden = !hasVoice());
  offer();
  if (voice.addEventListener) voice.addEventListener("voiceschanged", offer);
  button.addEventListener("click", () => (speaking ? stop() : start()));
  addEventListener("pagehide", stop);
}
