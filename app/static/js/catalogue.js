// The catalogue's list follows what is typed. Without this module the button searches on the server.
const form = document.querySelector("[data-catalogue]");
const WAIT_MS = 180;
let asked = 0;

async function follow(found) {
  const mine = ++asked;
  const address = `/catalogue?${new URLSearchParams(new FormData(form))}`;
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  if (!answer.ok || mine !== asked) return; // the button still works, and a later letter was typed meanwhile
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  found.replaceChildren(...page.querySelector("[data-catalogue-found]").childNodes);
  history.replaceState(null, "", address);
}

if (form) {
  const found = document.querySelector("[data-catalogue-found]");
  let waiting = 0;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => follow(found).catch(() => {}), WAIT_MS);
  });
}
