// The calls of a search: for pictures as a form, for a record and for later pages as JSON.

import { formOf } from "../pictures/picture_form.js";
import { membersOf } from "./search_options.js";

// The first page of {files, id, options}.
export function firstPage(api, { files, id, options }, signal) {
  if (id !== null) return api.post("/search", { id, ...membersOf(options) }, { signal });
  return api.post("/search", formOf(files, { ...membersOf(options), features: true }), { signal });
}

// The page after `answer`; `embedding` is the query's, which the first page told.
export function nextPage(api, { id, options }, answer, embedding, signal) {
  const query = id === null ? { embedding } : { id };
  const body = { ...query, ...membersOf(options), cursor: answer.next_cursor };
  return api.post("/search", body, { signal });
}
