// A refusal of the service.

const TYPE_PREFIX = "urn:vreid:problem:";

// What the service refused, as RFC 9457 has it.
//   status      of the answer; 0: it did not answer at all
//   type        without its prefix, as "overloaded"; "unreachable" or "too-slow" for status 0
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

// There was no answer, or none that came to its end.
export function unreachable() {
  return new ApiProblem({
    status: 0,
    type: "unreachable",
    title: "The service did not answer",
    detail: "Is it running, and is this computer still connected to it?",
  });
}

// There was no answer in the time that the call was given.
export function tooSlow(seconds) {
  return new ApiProblem({
    status: 0,
    type: "too-slow",
    title: "The service did not answer in time",
    detail: `It was waited for ${seconds} seconds. It may be busy, or the connection may be gone.`,
  });
}

// Whether a problem is one that asking again does not end: it would ask for a key again.
export function isForbidden(problem) {
  return problem instanceof ApiProblem && [401, 403].includes(problem.status);
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
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
