// Routes in the address's hash: "#/record/ID", "#/search?k=20". Going back and forward works by it.

// {path: "record", rest: "ID" (decoded) or null, query: URLSearchParams}
export function parseRoute(hash) {
  const [path, query = ""] = split(hash.replace(/^#\/?/, ""), "?");
  const [name, rest = null] = split(path, "/");
  return {
    path: name,
    rest: rest === null ? null : decoded(rest),
    query: new URLSearchParams(query),
  };
}

// go("search"), go("search?record=ID"), go("record/ID"): a new entry of the history.
export function go(route) {
  window.location.hash = `#/${route}`;
}

// A new entry of the history for a view that shows itself what is new, and stays.
export function pushRoute(route) {
  window.history.pushState(null, "", `#/${route}`);
}

// Rewrites the current entry; the view stays. `mark` is kept with the entry, also over a reload, and
// is null for an entry that a link made.
export function replaceRoute(route, mark = null) {
  window.history.replaceState(mark, "", `#/${route}`);
}

export function markOfEntry() {
  return window.history.state;
}

export function recordRoute(id) {
  return `record/${encodeURIComponent(id)}`;
}

function split(text, separator) {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
