// Rows of conditions on attributes, as in a filter.

import { element, fill } from "../parts/elements.js";
import { listed, listText } from "./label_list.js";

const KINDS = {
  is: "is one of",
  from: "is at least",
  through: "is at most",
  exists: "is known",
};

// {root, read(), set(attributes)}: read() gives the filter's "attributes"; set() returns those that no
// row can show, undefined where there is none.
export function attributeConditions(root) {
  const rows = element("div", { class: "attribute-rows" });
  const add = element(
    "button",
    {
      type: "button",
      class: "small",
      onclick: () => rows.appendChild(rowElement("", "is", "", add)).querySelector("input").focus(),
    },
    "Add a condition",
  );
  fill(root, rows, add);
  return {
    root,
    read() {
      const attributes = {};
      for (const row of rows.children) {
        const [name, kind, text] = valuesOf(row);
        if (name && (text || kind === "exists")) merge(attributes, name, conditionOf(kind, text));
      }
      return attributes;
    },
    set(attributes = {}) {
      if (attributes === null || typeof attributes !== "object") {
        rows.replaceChildren();
        return attributes;
      }
      const entries = Object.entries(attributes);
      const shown = entries.filter(([name, condition]) => isShown(name, condition));
      const others = entries.filter(([name, condition]) => !isShown(name, condition));
      rows.replaceChildren(
        ...shown.flatMap(([name, condition]) =>
          rowsOf(condition).map(([kind, text]) => rowElement(name, kind, text, add)),
        ),
      );
      return others.length > 0 ? Object.fromEntries(others) : undefined;
    },
  };
}

function rowElement(name, kind, text, add) {
  const value = element("input", { type: "text", class: "attribute-value", "aria-label": "Value", value: text });
  const select = element(
    "select",
    { class: "attribute-kind", "aria-label": "Condition" },
    Object.entries(KINDS).map(([key, words]) =>
      element("option", { value: key, selected: key === kind }, words),
    ),
  );
  const adapt = () => {
    value.hidden = select.value === "exists";
  };
  select.addEventListener("change", adapt);
  adapt();
  const row = element(
    "div",
    { class: "attribute-row", role: "group", "aria-label": "Condition on an attribute" },
    element("input", {
      type: "text",
      class: "attribute-name",
      "aria-label": "Name of the attribute",
      placeholder: "colour",
      value: name,
    }),
    select,
    value,
    element(
      "button",
      {
        type: "button",
        class: "plain small",
        onclick: () => {
          const parent = row.parentElement;
          row.remove();
          add.focus();
          parent.dispatchEvent(new Event("change", { bubbles: true }));
        },
      },
      "Remove",
    ),
  );
  return row;
}

function valuesOf(row) {
  const of = (name) => row.querySelector(`.attribute-${name}`).value.trim();
  return [of("name"), of("kind"), of("value")];
}

function conditionOf(kind, text) {
  if (kind === "exists") return { exists: true };
  if (kind === "is") {
    return listed(text).flatMap(meanings);
  }
  return { [kind]: isNumber(text) ? Number(text) : text };
}

// What is typed as 62 may be stored as the number or, from a CSV file, as the text.
function meanings(text) {
  if (isNumber(text)) return [text, Number(text)];
  if (text === "true" || text === "false") return [text, text === "true"];
  return [text];
}

function isNumber(text) {
  return text !== "" && Number.isFinite(Number(text));
}

function merge(attributes, name, condition) {
  const isRange = !Array.isArray(condition) && attributes[name] && !Array.isArray(attributes[name]);
  attributes[name] = isRange ? { ...attributes[name], ...condition } : condition;
}

function rowsOf(condition) {
  if (Array.isArray(condition)) return [["is", listText([...new Set(condition.map(String))])]];
  if (condition === null || typeof condition !== "object") return [["is", listText([String(condition)])]];
  return Object.entries(condition).map(([kind, value]) => [
    kind,
    kind === "exists" ? "" : String(value),
  ]);
}

// Whether the rows of a condition read as the same condition: what would be another one, as a number
// that is not asked for as a text too, is no row's.
function isShown(name, condition) {
  const rows = rowsOf(condition);
  const isKnown = ([kind, text]) => kind in KINDS && (text.trim() !== "" || kind === "exists");
  if (name.trim() !== name || name === "" || rows.length === 0 || !rows.every(isKnown)) return false;
  const read = {};
  for (const [kind, text] of rows) merge(read, name, conditionOf(kind, text.trim()));
  return meaningOf(read[name]) === meaningOf(condition);
}

// Conditions of the same meaning are the same text.
function meaningOf(condition) {
  const isRange = condition !== null && typeof condition === "object" && !Array.isArray(condition);
  if (isRange) return JSON.stringify(Object.entries(condition).sort());
  return JSON.stringify([...new Set([condition].flat())].map((each) => JSON.stringify(each)).sort());
}
