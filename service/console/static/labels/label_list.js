// Several labels in one field: commas between them, quotes around one that has commas itself.

const PART = /\s*"((?:[^"]|"")*)"\s*(?=,|$)|[^,]+/g;

// 'north, "gate, east"' -> ["north", "gate, east"]
export function listed(text) {
  return [...text.matchAll(PART)]
    .map(([whole, quoted]) => (quoted === undefined ? whole.trim() : quoted.replaceAll('""', '"')))
    .filter(Boolean);
}

export function listText(labels) {
  return labels.map((label) => (isPlain(label) ? label : `"${label.replaceAll('"', '""')}"`)).join(", ");
}

function isPlain(label) {
  return !/[,"]/.test(label) && label.trim() === label;
}
