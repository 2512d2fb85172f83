// The page hands over its words as data (script[data-words]); scripts hold no visible text of their own.
const words = {};
for (const block of document.querySelectorAll("script[data-words]")) Object.assign(words, JSON.parse(block.textContent));

export function word(key, values = {}) {
  return (words[key] || key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
