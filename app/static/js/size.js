// 大字 is applied before the first paint, so this runs as a plain script in the head; the choice stays on the phone.
(() => {
  const root = document.documentElement;
  const key = "nuanxin-size";
  root.classList.add("js");

  const remembered = () => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // storage may be forbidden; the switch then lasts for the page
    }
  };
  const remember = (size) => {
    try {
      if (size) localStorage.setItem(key, size);
      else localStorage.removeItem(key);
    } catch {
      root.dataset.sizeKept = "no";
    }
  };
  const show = (size) => {
    if (size) root.dataset.size = size;
    else delete root.dataset.size;
    for (const button of document.querySelectorAll("[data-size-switch]")) {
      button.setAttribute("aria-pressed", String(size === "large"));
    }
  };

  show(remembered() === "large" ? "large" : "");
  document.addEventListener("DOMContentLoaded", () => show(root.dataset.size || ""));
  document.addEventListener("click", (event) => {
    if (!event.target.closest || !event.target.closest("[data-size-switch]")) return;
    const size = root.dataset.size === "large" ? "" : "large";
    remember(size);
    show(size);
  });
})();
