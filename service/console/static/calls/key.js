// The API key: kept for this tab only, and replaced when the service does not take it.

const STORED = "vreid.key";
const CHANGED = "vreid-key-changed";

// A header holds nothing else; fetch() throws at it.
const WRITABLE = /^[\x21-\x7e]+$/;

let ask = async () => null;
let asking = null;
// The key that was refused when the reader would rather not give another one; undefined: none.
let declined;

export function currentKey() {
  return sessionStorage.getItem(STORED);
}

export function forgetKey() {
  sessionStorage.removeItem(STORED);
  askAgain();
  document.dispatchEvent(new CustomEvent(CHANGED));
}

export function onKeyChange(listener) {
  document.addEventListener(CHANGED, listener);
}

// Whether a text may be a key at all.
export function isWritable(key) {
  return WRITABLE.test(key);
}

// `asker(refused)` resolves to the key that was given, null where the reader would rather not.
export function setAsker(asker) {
  ask = asker;
}

// Asks for a key because the service refused `refused` (null: none was sent).
// True: there is another key now, ask the service again. False: the reader would rather not, now
// or when the same key was refused before. Calls that are refused at the same moment share one
// question.
export async function keyInsteadOf(refused) {
  if (currentKey() !== refused) return true;
  if (declined === refused) return false;
  asking ??= replace(refused).finally(() => {
    asking = null;
  });
  return asking;
}

// What somebody begins by hand asks again for a key that was declined before.
export function askAgain() {
  declined = undefined;
}

async function replace(refused) {
  const key = await ask(refused);
  if (key === null) {
    declined = refused;
    return false;
  }
  sessionStorage.setItem(STORED, key);
  askAgain();
  document.dispatchEvent(new CustomEvent(CHANGED));
  return true;
}
