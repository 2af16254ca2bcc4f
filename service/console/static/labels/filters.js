// The form of a filter: cameras, identities, scenes, time and attributes (docs/http.md, "Filter").

import { attributeConditions } from "./attribute_conditions.js";
import { element, fill, freshId } from "../parts/elements.js";
import { check, field } from "../parts/fields.js";
import { filterWords } from "./filter_words.js";
import { listed, listText } from "./label_list.js";
import { instant, isShownWhole, localTime, TIME_FIELD, zoneWords } from "./local_time.js";

const LISTS = ["camera", "exclude_camera", "identity", "scene"];

// Makes the form in a container. `scope` is "search" or "gallery"; a gallery has no query, so
// nothing there is relative to one.
//   read()              the filter as the service takes it, null where nothing is asked for
//   set(filter, {camera, scene})
//                       null empties the form; conditions it has no field for are kept and named;
//                       camera and scene are where the query's pictures are from
//   count()             how many conditions there are
//   ofQuery()           {camera?, scene?}: where the query's own pictures are from
//   missing()           the field that needs to be told for pictures, null where none does
//   onChange(listener)
export function filters(container, { scope }) {
  const several = freshId("several");
  const list = { "aria-describedby": several, autocomplete: "off" };
  const form = {
    camera: field("Cameras", list),
    exclude_camera: field("Not from cameras", list),
    identity: field("Identities", list),
    isUnnamed: check("Only sightings without an identity"),
    scene: field("Scenes", list),
    from: field("Seen from", { ...TIME_FIELD, hint: zoneWords() }),
    to: field("Seen before", TIME_FIELD),
    exclude_same_camera: check("Leave out the query's own camera"),
    exclude_same_scene: check("Leave out the query's own scene"),
    queryCamera: field("The pictures' camera", { autocomplete: "off" }),
    queryScene: field("The pictures' scene", { autocomplete: "off" }),
  };
  const conditions = attributeConditions(element("div", { class: "attributes" }));
  const keptNote = element("p", { class: "quiet small", hidden: true });
  let kept = {};

  const attributesLegend = element("fieldset", { class: "filter-attributes" });
  fill(attributesLegend, element("legend", {}, "Attributes"), conditions.root);
  fill(
    container,
    element(
      "div",
      { class: "filters" },
      element("p", { class: "quiet small filters-hint", id: several }, "Put commas between several, and quotes around a name that has a comma."),
      form.camera.root,
      form.exclude_camera.root,
      form.identity.root,
      form.isUnnamed.root,
      form.scene.root,
      element("div", { class: "filter-times" }, form.from.root, form.to.root),
      attributesLegend,
      scope === "search" && [
        form.exclude_same_camera.root,
        form.queryCamera.root,
        form.exclude_same_scene.root,
        form.queryScene.root,
      ],
      keptNote,
    ),
  );

  function adapt() {
    form.identity.input.disabled = form.isUnnamed.input.checked;
    form.queryCamera.root.hidden = !form.exclude_same_camera.input.checked;
    form.queryScene.root.hidden = !form.exclude_same_scene.input.checked;
  }

  function read() {
    const filter = { ...kept };
    for (const name of LISTS) {
      const values = listed(form[name].input.value);
      if (values.length > 0) filter[name] = values;
    }
    if (form.isUnnamed.input.checked) filter.identity = { exists: false };
    const time = { from: instant(form.from.input.value), to: instant(form.to.input.value) };
    if (time.from || time.to) filter.captured_at = { ...kept.captured_at, ...withoutEmpty(time) };
    const attributes = { ...kept.attributes, ...conditions.read() };
    if (Object.keys(attributes).length > 0) filter.attributes = attributes;
    for (const name of ["exclude_same_camera", "exclude_same_scene"]) {
      if (scope === "search" && form[name].input.checked) filter[name] = true;
    }
    return Object.keys(filter).length > 0 ? filter : null;
  }

  function set(filter, { camera = "", scene = "" } = {}) {
    const rest = { ...filter };
    for (const name of LISTS) {
      const labels = labelsOf(rest[name]);
      form[name].input.value = listText(labels);
      if (labels.length > 0) delete rest[name];
    }
    form.isUnnamed.input.checked = isOnly(rest.identity, "exists", false);
    if (form.isUnnamed.input.checked) delete rest.identity;
    rest.captured_at = setTimes(rest.captured_at);
    rest.attributes = conditions.set(rest.attributes);
    for (const name of ["exclude_same_camera", "exclude_same_scene"]) {
      form[name].input.checked = rest[name] === true;
      if (scope === "search" && rest[name] === true) delete rest[name];
    }
    form.queryCamera.input.value = camera;
    form.queryScene.input.value = scene;
    kept = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
    keptNote.hidden = Object.keys(kept).length === 0;
    keptNote.textContent = `Also: ${filterWords(kept).join("; ")}`;
    adapt();
  }

  // Returns the condition on times that the fields do not show, undefined where they show all.
  function setTimes(condition) {
    const shown = isObject(condition)
      ? ["from", "to"].filter((end) => isShownWhole(condition[end]))
      : [];
    for (const end of ["from", "to"]) {
      form[end].input.value = shown.includes(end) ? localTime(condition[end]) : "";
    }
    if (shown.length === 0) return condition;
    const others = Object.entries(condition).filter(([end]) => !shown.includes(end));
    return others.length > 0 ? Object.fromEntries(others) : undefined;
  }

  container.addEventListener("input", adapt);
  adapt();
  return {
    read,
    set,
    missing() {
      for (const [box, told] of [
        [form.exclude_same_camera, form.queryCamera],
        [form.exclude_same_scene, form.queryScene],
      ]) {
        if (box.input.checked && told.input.value.trim() === "") return told.input;
      }
      return null;
    },
    count: () => Object.keys(read() ?? {}).length,
    ofQuery: () =>
      withoutEmpty({
        camera: form.exclude_same_camera.input.checked && form.queryCamera.input.value.trim(),
        scene: form.exclude_same_scene.input.checked && form.queryScene.input.value.trim(),
      }),
    onChange(listener) {
      container.addEventListener("input", listener);
      container.addEventListener("change", listener);
    },
  };
}

function withoutEmpty(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value));
}

// The labels of a condition that a field shows; none where it says something else.
function labelsOf(condition) {
  const labels = [condition].flat();
  return labels.every((label) => typeof label === "string" && label !== "") ? labels : [];
}

function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

// Whether a condition is {[name]: value} and nothing else.
function isOnly(condition, name, value) {
  return isObject(condition) && Object.keys(condition).length === 1 && condition[name] === value;
}
