// The only module that pages name. What it imports is small and ready with the page; the code reader alone is fetched
// later, when somebody scans.
import "./form.js";
import "./keys.js";
import "./scan.js";
import "./wedge.js";

// A page that answered a form has the address of the page it belongs to: going back or reloading sends nothing again.
const { address } = document.documentElement.dataset;
if (address && address !== location.pathname + location.search) history.replaceState(null, "", address);

// A scanner used on a page without a panel still opens the page that fits the thing.
document.addEventListener("scan", ({ target, detail }) => {
  const form = document.querySelector("[data-scan-anywhere]");
  if (target !== document || !form) return;
  form.elements.text.value = detail.text;
  form.elements.format.value = detail.format;
  form.requestSubmit ? form.requestSubmit() : form.submit();
});

document.addEventListener("keydown", (event) => {
  const menu = document.querySelector(".menu[open]");
  if (event.key !== "Escape" || !menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// What was scanned on this phone belongs to whoever is signed in.
document.addEventListener("submit", (event) => {
  if (new URL(event.target.action, location.href).pathname !== "/sign-out") return;
  try {
    sessionStorage.removeItem("scan-page");
  } catch {
    // Where nothing can be stored, nothing was.
  }
});
