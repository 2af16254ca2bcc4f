// The form of a filter: cameras, identities, scenes, time and attributes (docs/http.md, "Filter").

import { attributeConditions } from "./attribute_conditions.js";
import { element, fill, freshId } from "../parts/elements.js";
import { check, field } from "../parts/fields.js";

// Makes the form in a container. `scope` is "search" or "gallery"; a gallery has no query, so
// nothing there is relative to one.
//   read()              the filter as the service takes it, null where nothing is asked for
//   set(filter)         null empties the form; conditions it has no field for are kept and named
//   count()             how many conditions there are
//   ofQuery()           {camera?, scene?}: where the query's own pictures are from
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
    from: field("Seen from", { type: "datetime-local", step: "1" }),
    to: field("Seen before", { type: "datetime-local", step: "1" }),
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
      element("p", { class: "quiet small filters-hint", id: several }, "Put commas between several."),
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
    for (const name of ["camera", "exclude_camera", "identity", "scene"]) {
      const values = listed(form[name].input.value);
      if (values.length > 0) filter[name] = values;
    }
    if (form.isUnnamed.input.checked) filter.identity = { exists: false };
    const time = { from: instant(form.from.input.value), to: instant(form.to.input.value) };
    if (time.from || time.to) filter.captured_at = withoutEmpty(time);
    const attributes = conditions.read();
    if (Object.keys(attributes).length > 0) filter.attributes = attributes;
    for (const name of ["exclude_same_camera", "exclude_same_scene"]) {
      if (scope === "search" && form[name].input.checked) filter[name] = true;
    }
    return Object.keys(filter).length > 0 ? filter : null;
  }

  function set(filter) {
    const rest = { ...filter };
    for (const name of ["camera", "exclude_camera", "identity", "scene"]) {
      const isList = typeof rest[name] === "string" || Array.isArray(rest[name]);
      form[name].input.value = isList ? [rest[name]].flat().join(", ") : "";
      if (isList) delete rest[name];
    }
    form.isUnnamed.input.checked = rest.identity?.exists === false;
    if (form.isUnnamed.input.checked) delete rest.identity;
    const { from = "", to = "", ...otherTimes } = rest.captured_at ?? {};
    form.from.input.value = localTime(from);
    form.to.input.value = localTime(to);
    if (Object.keys(otherTimes).length === 0) delete rest.captured_at;
    conditions.set(rest.attributes ?? {});
    delete rest.attributes;
    for (const name of ["exclude_same_camera", "exclude_same_scene"]) {
      form[name].input.checked = rest[name] === true;
      if (scope === "search") delete rest[name];
    }
    kept = rest;
    keptNote.hidden = Object.keys(kept).length === 0;
    keptNote.textContent = `Also: ${JSON.stringify(kept)}`;
    adapt();
  }

  container.addEventListener("input", adapt);
  adapt();
  return {
    read,
    set,
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

function listed(text) {
  return text
    .split(",")
    .map((each) => each.trim())
    .filter(Boolean);
}

function withoutEmpty(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value));
}

// The reader's local time -> the instant, as the service takes it.
function instant(text) {
  return text && new Date(text).toISOString();
}

function localTime(text) {
  if (!text) return "";
  const moment = new Date(text);
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
