// Who is calling, and what their key's role may do.

import { api } from "../calls/api.js";

const ORDER = ["search", "enrol", "admin"];

// {authenticated, role, name, may(role)} from GET /me.
export async function whoCalls() {
  const told = await api.get("/me");
  return {
    ...told,
    may: (role) => ORDER.indexOf(told.role) >= ORDER.indexOf(role),
  };
}

// A sentence for what is not offered.
export function whyNot(access, role) {
  return `This needs a key with the role ${role}; yours has the role ${access.role}.`;
}
