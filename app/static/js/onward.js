// Sends the page's one form by itself; a reader who came back to it presses the button instead, and is not sent on again.
const form = document.querySelector("form[data-onward]");
const [visit] = performance.getEntriesByType("navigation");
if (form && !(visit && visit.type === "back_forward")) form.requestSubmit ? form.requestSubmit() : form.submit();
