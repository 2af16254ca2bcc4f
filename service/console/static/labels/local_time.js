// Times in a form's fields, which know the reader's local time to the second.

// As a field's attributes: years of four digits, which the service takes and calendars have.
export const TIME_FIELD = {
  type: "datetime-local",
  step: "1",
  min: "1000-01-01T00:00",
  max: "9999-12-31T23:59:59",
};

// A time of the service as a field shows it; "" for null, and for what no field can show.
export function localTime(text) {
  const time = new Date(text ?? "");
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
  const year = local.getUTCFullYear();
  return year >= 1000 && year <= 9999 ? local.toISOString().slice(0, 19) : "";
}

// What a field has as the instant, as the service takes it; null where it has no time.
export function instant(local) {
  const time = new Date(local);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}

// Whether a field shows this time whole: it came from a field.
export function isShownWhole(text) {
  return typeof text === "string" && Date.parse(instant(localTime(text)) ?? "") === Date.parse(text);
}

export function zoneWords() {
  return `In your time zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`;
}
