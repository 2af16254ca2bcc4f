// The fields of what is told about a sighting: identity, camera, scene, time, attributes.

import { attributeValues } from "./attribute_values.js";
import { element } from "../parts/elements.js";
import { field } from "../parts/fields.js";
import { instant, localTime, TIME_FIELD, zoneWords } from "./local_time.js";

const LONGEST_LABEL = 256;

// Returns
//   nodes              the fields, to be put into a form
//   read()             {identity, camera, scene, captured_at, attributes}, null for what is empty;
//                      null where a field cannot be taken: it says why and has the focus
//   set(labels)        shows others
//   showFaults(errors) puts what the service said about fields, [{field, message}], beside them and
//                      returns those about fields that are not here
export function labelFields(labels = {}) {
  const texts = {
    identity: faultField("Identity", { hint: "Which vehicle it is, where known." }),
    camera: faultField("Camera"),
    scene: faultField("Scene"),
  };
  const time = faultField("Seen at", { ...TIME_FIELD, hint: zoneWords() });
  const fields = { ...texts, captured_at: time };
  const rows = element("div");
  const attributes = attributeValues(rows);
  const group = element(
    "fieldset",
    { class: "attribute-group" },
    element("legend", {}, "Attributes"),
    rows,
  );
  let shownTime = null;
  let writtenTime = "";

  function set(shown) {
    shownTime = shown.captured_at ?? null;
    for (const [name, { input }] of Object.entries(texts)) input.value = shown[name] ?? "";
    time.input.value = localTime(shownTime);
    // As the browser writes it: without seconds where they are 0.
    writtenTime = time.input.value;
    attributes.set(shown.attributes ?? {});
    clearFaults();
  }

  function read() {
    clearFaults();
    // A browser reads half a time as an empty one.
    if (!time.input.validity.valid) {
      time.show(
        time.input.validity.badInput
          ? "The time is not complete: give day, hour, minute and second, or clear it."
          : "The year has four digits.",
      );
      time.input.focus();
      return null;
    }
    if (attributes.check() !== null) return null;
    return {
      ...Object.fromEntries(
        Object.entries(texts).map(([name, { input }]) => [name, input.value.trim() || null]),
      ),
      // A field knows seconds: a time that nobody touched stays to the microsecond.
      captured_at: time.input.value === writtenTime ? shownTime : instant(time.input.value),
      attributes: attributes.read(),
    };
  }

  function showFaults(errors) {
    const others = [];
    let first = null;
    for (const error of errors) {
      if (Object.hasOwn(fields, error.field)) {
        fields[error.field].show(error.message);
        first ??= fields[error.field].input;
      } else if (error.field.startsWith("attributes")) {
        attributes.showFault(sentence(error.message));
      } else {
        others.push(error);
      }
    }
    first?.focus();
    return others;
  }

  function clearFaults() {
    for (const each of Object.values(fields)) each.show("");
  }

  set(labels);
  return {
    nodes: [...Object.values(fields).map(({ root }) => root), group],
    read,
    set,
    showFaults,
  };
}

// A field with a line for what is wrong with it.
function faultField(label, attributes = {}) {
  const { root, input } = field(label, { autocomplete: "off", ...attributes });
  if (input.type === "text") input.maxLength = LONGEST_LABEL;
  const fault = element("p", { class: "fault", role: "alert", id: `${input.id}-fault` });
  const described = input.getAttribute("aria-describedby");
  input.setAttribute("aria-describedby", [described, fault.id].filter(Boolean).join(" "));
  root.append(fault);
  return {
    root,
    input,
    show(message) {
      fault.textContent = sentence(message);
      if (message) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    },
  };
}

function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return begun === "" || /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
