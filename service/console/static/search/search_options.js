// What a search asks for beside its query: the form's fields, the address's parameters, and the
// members of POST /search are three ways to write the same options.

export const DEFAULTS = {
  k: 12,
  policy: "auto",
  filter: null,
  camera: "",
  scene: "",
  rate: "",
  probability: "",
  isGrouped: false,
  rerank: "",
};

const TEXTS = ["policy", "camera", "scene", "rate", "probability", "rerank"];

// Options -> parameters of the address, without those that are as usual.
export function parametersOf(options) {
  const parameters = new URLSearchParams();
  if (options.k !== DEFAULTS.k) parameters.set("k", options.k);
  for (const name of TEXTS) {
    if (options[name] !== DEFAULTS[name]) parameters.set(name, options[name]);
  }
  if (options.isGrouped) parameters.set("group", "identity");
  if (options.filter) parameters.set("filter", JSON.stringify(options.filter));
  return parameters;
}

export function optionsOf(parameters) {
  const options = { ...DEFAULTS };
  const k = Number.parseInt(parameters.get("k") ?? "", 10);
  if (k >= 1) options.k = k;
  for (const name of TEXTS) options[name] = parameters.get(name) ?? DEFAULTS[name];
  options.isGrouped = parameters.get("group") === "identity";
  options.filter = filterOf(parameters.get("filter"));
  return options;
}

// Options -> members of POST /search, as JSON has them.
export function membersOf(options) {
  const members = { k: options.k, policy: options.policy, explain: true };
  if (options.filter) members.filter = options.filter;
  if (options.camera) members.camera = options.camera;
  if (options.scene) members.scene = options.scene;
  if (options.rate) members.false_accept_rate = Number(options.rate);
  if (options.probability) members.min_probability = Number(options.probability) / 100;
  if (options.isGrouped) members.group_by = "identity";
  if (options.rerank) members.rerank = { method: options.rerank };
  return members;
}

function filterOf(text) {
  try {
    const filter = JSON.parse(text);
    return filter !== null && typeof filter === "object" && !Array.isArray(filter) ? filter : null;
  } catch {
    return null;
  }
}
