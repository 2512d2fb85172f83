// Product search on the receive page: suggestions while typing. Without this module the button searches on the server.
const form = document.querySelector("[data-pick]");
const WAIT_MS = 180;
let asked = 0;

function choice(item) {
  const button = document.createElement("button");
  const strength = document.createElement("span");
  button.className = "button";
  button.type = "submit";
  button.name = "item";
  button.value = item.id;
  strength.className = "muted";
  strength.textContent = item.strength;
  button.append(document.documentElement.lang === "en" ? item.name_en : item.name_zh, " ", strength);
  return button;
}

async function suggest(field, list) {
  const mine = ++asked;
  const text = field.value.trim();
  if (!text) return list.replaceChildren();
  const answer = await fetch(`${form.dataset.pick}?q=${encodeURIComponent(text)}`, { headers: { Accept: "application/json" } });
  if (!answer.ok || mine !== asked) return; // the search button still works, and a later letter was typed meanwhile
  list.replaceChildren(...(await answer.json()).map(choice));
}

if (form) {
  const field = form.elements.q;
  const list = form.querySelector("[data-pick-list]");
  let waiting = 0;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => suggest(field, list).catch(() => {}), WAIT_MS);
  });
}
