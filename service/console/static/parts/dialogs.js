// Questions in a <dialog>: what is going to happen, and whether it may.

import { element, freshId } from "./elements.js";
import { showProblem } from "./states.js";

// Asks before something that cannot be undone. `content` is nodes that say what is going to happen,
// `action` the words on the button, `run` what it does: asynchronous, throws where it fails, and
// resolves to false where it has to be asked anew. The dialog stays open while that works, and when
// it fails: then it shows the problem and can be answered again. Afterwards the focus is where it was before.
//
// Returns {finished, setReady, setAction}: `finished` becomes true where it was done, false where
// not; setReady(false) holds the button back, setAction(words) names it anew.
export function ask({ title, content, action, run, isReady = true }) {
  const heading = element("h2", { id: freshId("dialog") }, title);
  const cancel = element("button", { type: "button" }, "Cancel");
  const act = element("button", { type: "submit", class: "danger" }, action);
  const problem = element("div");
  const form = element(
    "form",
    { class: "dialog-form", method: "dialog" },
    heading,
    content,
    problem,
    element("div", { class: "actions" }, cancel, act),
  );
  const dialog = element("dialog", { "aria-labelledby": heading.id }, form);
  let isBusy = false;
  let isDone = false;

  function setReady(flag) {
    isReady = flag;
    act.disabled = !flag;
  }

  function setBusy(flag) {
    isBusy = flag;
    form.setAttribute("aria-busy", String(flag));
    // Not disabled: a disabled button would lose the focus.
    act.setAttribute("aria-disabled", String(flag));
    cancel.setAttribute("aria-disabled", String(flag));
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isBusy || !isReady) return;
    setBusy(true);
    problem.replaceChildren();
    try {
      isDone = (await run()) !== false;
      if (isDone) dialog.close();
    } catch (error) {
      showProblem(problem, error);
    } finally {
      setBusy(false);
    }
  });
  cancel.addEventListener("click", () => {
    if (!isBusy) dialog.close();
  });
  // Escape: what is being done cannot be called back.
  dialog.addEventListener("cancel", (event) => {
    if (isBusy) event.preventDefault();
  });
  setReady(isReady);
  document.body.append(dialog);
  dialog.showModal();
  cancel.focus();
  const finished = new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(isDone);
    });
  });
  return {
    finished,
    setReady,
    setAction(words) {
      act.textContent = words;
    },
  };
}
