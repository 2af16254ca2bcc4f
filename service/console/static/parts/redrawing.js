// Showing again what is looked at again and again. What has not changed stays in place, so that the
// focus and a selection stay too.

import { element, fill } from "./elements.js";

// fill(), of which only what differs is put into the page. For content without listeners: those of
// what stays are the old ones.
export function fillAnew(container, ...children) {
  adapt(container, fill(element("div"), children));
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function adapt(old, made) {
  const wanted = [...made.childNodes];
  for (const extra of [...old.childNodes].slice(wanted.length)) extra.remove();
  wanted.forEach((node, place) => {
    const there = old.childNodes[place];
    if (there === undefined) old.append(node);
    else if (there.isEqualNode(node)) return;
    else if (isLike(there, node)) adapt(there, node);
    else there.replaceWith(node);
  });
}

// Whether only what is in them differs.
function isLike(old, made) {
  return (
    old.nodeType === Node.ELEMENT_NODE && old.cloneNode(false).isEqualNode(made.cloneNode(false))
  );
}
