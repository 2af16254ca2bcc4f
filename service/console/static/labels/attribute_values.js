// Rows of attributes, as a record has them: a name, a kind and a value each.

import { announce } from "../parts/announcements.js";
import { element, fill, freshId } from "../parts/elements.js";

const KINDS = [
  ["text", "text"],
  ["number", "number"],
  ["flag", "yes or no"],
];

// Fills a container, a fieldset, with rows and returns
//   read()             {name: text, number or boolean}
//   set(attributes)    shows others; clear() none
//   check()            the sentence about the first row that cannot be taken, which has the focus
//                      then; null where all can
//   showFault(text)    what somebody else says about them
export function attributeValues(container) {
  const rows = element("div", { class: "attribute-rows" });
  const fault = element("p", { class: "fault", role: "alert", id: freshId("attributes-fault") });
  const add = element(
    "button",
    { type: "button", class: "small", onclick: () => addRow().querySelector("input").focus() },
    "Add an attribute",
  );
  fill(container, rows, add, fault);

  function addRow(name = "", value = "") {
    const row = rowElement(name, value, fault.id, remove);
    rows.append(row);
    return row;
  }

  function remove(row) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (next?.querySelector("button") ?? add).focus();
    announce("Attribute removed.");
  }

  function check() {
    const seen = new Set();
    let said = "";
    for (const row of rows.children) {
      const name = row.querySelector(".attribute-name");
      const wrong = said === "" ? faultOf(row, seen) : null;
      name.removeAttribute("aria-invalid");
      seen.add(name.value.trim());
      if (wrong === null) continue;
      said = wrong;
      name.setAttribute("aria-invalid", "true");
      name.focus();
    }
    fault.textContent = said;
    return said || null;
  }

  return {
    read: () => Object.fromEntries([...rows.children].map(readRow).filter(([name]) => name !== "")),
    set(attributes) {
      rows.replaceChildren();
      for (const [name, value] of Object.entries(attributes)) addRow(name, value);
      fault.textContent = "";
    },
    clear() {
      rows.replaceChildren();
      fault.textContent = "";
    },
    check,
    showFault(text) {
      fault.textContent = text;
      (rows.querySelector("input") ?? add).focus();
    },
    focusOnAdd: () => add.focus(),
  };
}

function rowElement(name, value, faultId, remove) {
  const nameInput = element("input", {
    type: "text",
    class: "attribute-name",
    "aria-label": "Name of the attribute",
    "aria-describedby": faultId,
    placeholder: "colour",
  });
  nameInput.value = name;
  const kind = element(
    "select",
    { class: "attribute-kind", "aria-label": "Kind of value", onchange: () => shape() },
    KINDS.map(([key, text]) => element("option", { value: key }, text)),
  );
  kind.value = kindOf(value);
  const row = element(
    "div",
    { class: "attribute-row", role: "group", "aria-label": "Attribute" },
    nameInput,
    kind,
    valueField(kind.value, value),
    element(
      "button",
      { type: "button", class: "plain small", onclick: () => remove(row) },
      "Remove",
    ),
  );

  function shape() {
    const old = row.querySelector(".attribute-value");
    old.replaceWith(valueField(kind.value, old.value));
  }
  return row;
}

function valueField(kind, value) {
  const attributes = { class: "attribute-value", "aria-label": "Value" };
  if (kind === "flag") {
    const choice = element(
      "select",
      attributes,
      element("option", { value: "true" }, "yes"),
      element("option", { value: "false" }, "no"),
    );
    choice.value = String(value) === "false" ? "false" : "true";
    return choice;
  }
  const isNumber = kind === "number";
  const input = element("input", {
    ...attributes,
    type: isNumber ? "number" : "text",
    step: isNumber && "any",
  });
  input.value = String(value);
  return input;
}

function kindOf(value) {
  return { number: "number", boolean: "flag" }[typeof value] ?? "text";
}

function readRow(row) {
  const name = row.querySelector(".attribute-name").value.trim();
  const kind = row.querySelector(".attribute-kind").value;
  const text = row.querySelector(".attribute-value").value;
  if (kind === "number") return [name, Number(text)];
  if (kind === "flag") return [name, text === "true"];
  return [name, text.trim()];
}

// An empty row is left out; a browser's number field that holds no number reads as empty.
function faultOf(row, seen) {
  const name = row.querySelector(".attribute-name").value.trim();
  const text = row.querySelector(".attribute-value").value.trim();
  const kind = row.querySelector(".attribute-kind").value;
  if (name === "") {
    return text === "" || kind === "flag"
      ? null
      : `Say what ${text} is: the attribute has no name.`;
  }
  if (seen.has(name)) return `The attribute ${name} is there twice; remove one of them.`;
  if (text !== "") return null;
  return kind === "number"
    ? `The attribute ${name} needs a number.`
    : `The attribute ${name} has no value; give it one, or remove it.`;
}
