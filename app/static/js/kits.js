// A pick list follows the scans: what the server marked as taken is ticked, and ticks by hand count as well.
const form = document.querySelector("[data-picking]");

function tally() {
  const boxes = [...form.querySelectorAll("input[name=packs]")];
  const gauge = document.querySelector("[data-progress]");
  const bar = gauge.querySelector("progress");
  bar.value = boxes.filter((box) => box.checked).length;
  gauge.querySelector("[data-progress-words]").textContent = `${bar.value} / ${bar.max}`;
}

if (form) {
  document.addEventListener("scanned", () => {
    for (const box of form.querySelectorAll("[data-line][data-state=done] input[name=packs]")) box.checked = true;
    tally();
  });
  form.addEventListener("change", tally);
}
