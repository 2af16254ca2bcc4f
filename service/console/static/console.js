// The console: fills the three slots, asks POST /search, shows the ranked records.

const MODALITIES = ["rgb", "nir", "tir"];
const form = document.getElementById("query");
const searchButton = document.getElementById("search");
const statusLine = document.getElementById("status");
const problemBox = document.getElementById("problem");
const warningList = document.getElementById("warnings");
const matchList = document.getElementById("matches");
const results = document.getElementById("results");
const matchTemplate = document.getElementById("match");

function setUpSlot(slot) {
  const input = slot.querySelector("input");
  const drop = slot.querySelector(".drop");
  const preview = slot.querySelector(".preview");
  const hint = slot.querySelector(".hint");
  const clear = slot.querySelector(".clear");
  let shown = null;

  function show() {
    if (shown) URL.revokeObjectURL(shown);
    const file = input.files[0];
    shown = file ? URL.createObjectURL(file) : null;
    preview.hidden = !file;
    clear.hidden = !file;
    hint.hidden = Boolean(file);
    hint.textContent = "Drop an image here or choose a file";
    if (shown) preview.src = shown;
    else preview.removeAttribute("src");
  }

  // A browser cannot show a 16-bit TIFF; the service can still read it.
  preview.addEventListener("error", () => {
    if (!input.files[0]) return;
    preview.hidden = true;
    hint.hidden = false;
    hint.textContent = `${input.files[0].name} (no preview)`;
  });
  input.addEventListener("change", show);
  clear.addEventListener("click", () => {
    input.value = "";
    show();
    input.focus();
  });
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length > 0) {
      const one = new DataTransfer();
      one.items.add(event.dataTransfer.files[0]);
      input.files = one.files;
      show();
    }
  });
  show();
}

function queryOf() {
  const body = new FormData();
  for (const modality of MODALITIES) {
    const file = form.elements[modality].files[0];
    if (file) body.append(modality, file);
  }
  if ([...body.keys()].length === 0) return null;
  body.append("k", form.elements.k.value);
  body.append("policy", form.elements.policy.value);
  return body;
}

async function search(event) {
  event.preventDefault();
  if (searchButton.getAttribute("aria-disabled") === "true") return;
  const body = queryOf();
  reset();
  if (!body) {
    showProblem("Choose at least one image first.");
    statusLine.textContent = "";
    return;
  }
  setBusy(true);
  statusLine.textContent = "Searching…";
  try {
    const response = await fetch("/search", { method: "POST", body });
    const answer = await response.json();
    if (!response.ok) {
      statusLine.textContent = "";
      showProblem(`${answer.title}: ${answer.detail} (request ${answer.request_id})`);
      return;
    }
    showAnswer(answer);
  } catch (error) {
    statusLine.textContent = "";
    showProblem("The service did not answer. Is it still running?");
  } finally {
    setBusy(false);
  }
}

function setBusy(busy) {
  searchButton.setAttribute("aria-disabled", String(busy));
  results.setAttribute("aria-busy", String(busy));
}

function reset() {
  problemBox.hidden = true;
  problemBox.textContent = "";
  warningList.hidden = true;
  warningList.replaceChildren();
  matchList.replaceChildren();
}

function showProblem(text) {
  problemBox.textContent = text;
  problemBox.hidden = false;
}

function showAnswer(answer) {
  for (const warning of answer.warnings) {
    const item = document.createElement("li");
    item.textContent = warning;
    warningList.append(item);
  }
  warningList.hidden = answer.warnings.length === 0;
  const count = answer.results.length;
  statusLine.textContent =
    count === 0
      ? "No match: no record of the gallery can be compared with this query."
      : `${count} ${count === 1 ? "match" : "matches"}, compared by ${answer.policy}.`;
  matchList.append(...answer.results.map(matchElement));
}

function matchElement(result) {
  const element = matchTemplate.content.firstElementChild.cloneNode(true);
  const put = (name, text) => {
    element.querySelector(`.${name}`).textContent = text;
  };
  put("rank", `${result.rank}.`);
  put("identity", result.identity ?? "identity unknown");
  put("score", result.score.toFixed(3));
  put("probability", result.probability === null ? "not calibrated" : percent(result.probability));
  put("camera", result.camera ?? "unknown");
  put("time", result.captured_at ? new Date(result.captured_at).toLocaleString() : "unknown");
  put("record", result.id);
  element.querySelector(".images").append(...MODALITIES.map((name) => imageElement(result, name)));
  return element;
}

function imageElement(result, modality) {
  const item = document.createElement("li");
  const address = result.thumbnails[modality];
  const name = modality.toUpperCase();
  if (address) {
    const image = document.createElement("img");
    image.src = address;
    image.loading = "lazy";
    image.alt = `${name} image of match ${result.rank}`;
    item.append(image);
  } else {
    const absent = document.createElement("div");
    absent.className = "absent";
    absent.textContent = result.mask[modality] ? "no picture" : `no ${name}`;
    item.append(absent);
  }
  const contribution = result.contributions[modality];
  const caption = document.createElement("span");
  caption.textContent =
    contribution === undefined || contribution === null
      ? `${name}: not used`
      : `${name}: ${contribution.toFixed(3)}`;
  item.append(caption);
  if (contribution > 0 && result.score > 0) item.append(barElement(contribution / result.score));
  return item;
}

function barElement(share) {
  const bar = document.createElement("div");
  bar.className = "bar";
  bar.setAttribute("aria-hidden", "true");
  const filled = document.createElement("div");
  filled.style.width = `${Math.min(100, share * 100)}%`;
  bar.append(filled);
  return bar;
}

function percent(probability) {
  return `${(probability * 100).toFixed(1)} %`;
}

async function showModel() {
  try {
    const response = await fetch("/info");
    if (!response.ok) return;
    const info = await response.json();
    document.getElementById("model").textContent =
      `${info.model.name} ${info.model.version}, ${info.gallery.records} records, ${info.engine.name}`;
    form.elements.k.max = info.limits.k;
  } catch (error) {
    showProblem("The service did not answer. Is it still running?");
  }
}

document.querySelectorAll(".slot").forEach(setUpSlot);
form.addEventListener("submit", search);
showModel();
