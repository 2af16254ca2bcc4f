// Calls of the service: with the key, as JSON, and refusals as ApiProblem.

import { askForKey, currentKey } from "./key.js";

const TYPE_PREFIX = "urn:vreid:problem:";

// What the service refused, as RFC 9457 has it.
//   status      of the answer; 0: it did not answer at all
//   type        without its prefix, as "overloaded"; "unreachable" for status 0
//   title, detail, requestId
//   retryAfter  seconds until it is worth asking again, null where that does not help
//   errors      [{field, message}] of the fields at fault
export class ApiProblem extends Error {
  constructor({ status, type, title, detail, requestId = null, retryAfter = null, errors = [] }) {
    super(`${title}: ${detail}`);
    this.name = "ApiProblem";
    Object.assign(this, { status, type, title, detail, requestId, retryAfter, errors });
  }
}

// Every function returns the parsed answer, null for one without a body, and throws ApiProblem, or
// an AbortError where options.signal was aborted. A body is FormData or what becomes JSON.
export const api = {
  get: (path, options) => json("GET", path, undefined, options),
  post: (path, body, options) => json("POST", path, body, options),
  patch: (path, body, options) => json("PATCH", path, body, options),
  delete: (path, options) => json("DELETE", path, undefined, options),

  // The address of a blob: whoever shows it revokes it (pictures.js does).
  async picture(path, options) {
    const response = await answered("GET", path, undefined, options);
    return URL.createObjectURL(await response.blob());
  },
};

// Sends one request with this key (null: none), whatever comes of it.
export async function send(method, path, body, key, signal) {
  const headers = {};
  if (key !== null) headers.Authorization = `Bearer ${key}`;
  const isForm = body instanceof FormData;
  if (body !== undefined && !isForm) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, {
      method,
      headers,
      body: body === undefined || isForm ? body : JSON.stringify(body),
      signal,
      credentials: "omit",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiProblem({
      status: 0,
      type: "unreachable",
      title: "The service did not answer",
      detail: "Is it running, and is this computer still connected to it?",
    });
  }
}

async function json(method, path, body, options) {
  const response = await answered(method, path, body, options);
  return response.status === 204 ? null : response.json();
}

async function answered(method, path, body, { signal } = {}) {
  for (;;) {
    const key = currentKey();
    const response = await send(method, path, body, key, signal);
    if (response.ok) return response;
    // Another call may have been given a key meanwhile: askForKey then returns at once.
    if (response.status !== 401 || !(await askForKey(key))) throw await problemOf(response);
  }
}

export async function problemOf(response) {
  const text = await response.text();
  const told = parsed(text);
  const retryAfter = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return new ApiProblem({
    status: response.status,
    type: String(told.type ?? "").replace(TYPE_PREFIX, ""),
    title: told.title ?? `The answer was ${response.status}`,
    detail: told.detail ?? "It came from a proxy rather than from the service; try again.",
    requestId: told.request_id ?? response.headers.get("X-Request-ID"),
    retryAfter: Number.isNaN(retryAfter) ? null : retryAfter,
    errors: told.errors ?? [],
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
