// Makes elements without innerHTML, so that no text can ever become markup.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `${document.documentElement.dataset.icons}#${name}`);
  drawing.append(use);
  return drawing;
}

export function notice(tone, text, ...more) {
  const body = element("div", {}, element("p", {}, text), ...more);
  return element("div", { class: `notice ${tone}` }, icon(tone === "hold" ? "warning" : tone), body);
}
