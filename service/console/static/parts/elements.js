// DOM elements from plain values. Text is always text: nothing here reads HTML.

// element("button", {type: "button", onclick: f, disabled: false, "--share": 0.4}, "Search")
//
// A function under a name that starts with "on" listens; true writes the bare attribute; false,
// null and undefined leave it out; a name that starts with "--" sets a custom property (the
// content security policy forbids style attributes). Children are nodes, texts, numbers or lists;
// null, undefined and false are left out.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) made.style.setProperty(name, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  append(made, children);
  return made;
}

// Replaces what a container holds; children as in element().
export function fill(container, ...children) {
  container.replaceChildren();
  append(container, children);
  return container;
}

let numbered = 0;

// An id that no other element of the page has.
export function freshId(prefix) {
  numbered += 1;
  return `${prefix}-${numbered}`;
}

function append(parent, children) {
  for (const child of children.flat(Infinity)) {
    if (child === false || child === null || child === undefined) continue;
    parent.append(child);
  }
}
