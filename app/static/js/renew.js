// A page about work that goes on is looked at again every second, until it says that there is nothing more to wait for.
const place = document.querySelector("[data-renew]");

async function renew() {
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return later();
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-renew]");
    if (!fresh) return location.reload();
    place.replaceChildren(...fresh.childNodes);
  } catch {
    // Without a network there is nothing new; the next look may find one.
  }
  return later();
}

function later() {
  setTimeout(renew, 1000);
}

if (place) later();
