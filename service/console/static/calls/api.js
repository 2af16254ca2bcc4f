// Calls of the service: with the key, as JSON, and refusals as ApiProblem.

import { currentKey, keyInsteadOf } from "./key.js";
import { problemOf, tooSlow, unreachable } from "./problem.js";

// Longer than the service waits by itself: it refuses with a reason before this is over.
const USUAL_SECONDS = 120;
const PICTURE_SECONDS = 30;

// Every function returns the parsed answer, null for one without a body, and throws ApiProblem, or
// an AbortError where options.signal was aborted. A body is FormData or what becomes JSON.
//   options.signal   ends the call
//   options.seconds  how long it may take, 120 without it
export const api = {
  get: (path, options) => json("GET", path, undefined, options),
  post: (path, body, options) => json("POST", path, body, options),
  patch: (path, body, options) => json("PATCH", path, body, options),
  delete: (path, options) => json("DELETE", path, undefined, options),

  // The picture as a Blob. A key that is not taken is no reason to ask for one: dozens of pictures
  // are fetched at a time, and none of them because somebody pressed something.
  async picture(path, { signal, seconds = PICTURE_SECONDS } = {}) {
    return timed(signal, seconds, async (limited) => {
      const response = await send("GET", path, undefined, currentKey(), limited);
      if (!response.ok) throw await problemOf(response);
      return response.blob();
    });
  },
};

async function json(method, path, body, { signal, seconds = USUAL_SECONDS } = {}) {
  for (;;) {
    const key = currentKey();
    const answer = await timed(signal, seconds, async (limited) => {
      const response = await send(method, path, body, key, limited);
      if (!response.ok) return { problem: await problemOf(response) };
      return { value: response.status === 204 ? null : await response.json() };
    });
    if (!answer.problem) return answer.value;
    // Somebody may think about the key for long: that is not the call's time.
    const mayAskAgain = answer.problem.status === 401 && (await keyInsteadOf(key));
    if (!mayAskAgain) throw answer.problem;
  }
}

function send(method, path, body, key, signal) {
  const headers = {};
  if (key !== null) headers.Authorization = `Bearer ${key}`;
  const isForm = body instanceof FormData;
  if (body !== undefined && !isForm) headers["Content-Type"] = "application/json";
  return fetch(path, {
    method,
    headers,
    body: body === undefined || isForm ? body : JSON.stringify(body),
    signal,
    credentials: "omit",
  });
}

// What `call(signal)` resolves to, where it does so in time and the network stays.
async function timed(signal, seconds, call) {
  const limit = AbortSignal.timeout(seconds * 1000);
  try {
    return await call(signal ? AbortSignal.any([signal, limit]) : limit);
  } catch (error) {
    if (signal?.aborted) throw new DOMException("The call was ended", "AbortError");
    if (limit.aborted) throw tooSlow(seconds);
    // fetch and a body that breaks off both throw a TypeError; half a JSON text is a SyntaxError.
    if (error instanceof TypeError || error instanceof SyntaxError) throw unreachable();
    throw error;
  }
}
