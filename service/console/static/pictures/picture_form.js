// Pictures as the service takes them.

import { MODALITIES } from "./pictures.js";

// Pictures and members as a form; `prefix` stands before the pictures' names.
export function formOf(files, members, prefix = "") {
  const form = new FormData();
  for (const modality of MODALITIES) {
    if (files[modality]) form.append(prefix + modality, files[modality]);
  }
  for (const [name, value] of Object.entries(members)) {
    form.append(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return form;
}
