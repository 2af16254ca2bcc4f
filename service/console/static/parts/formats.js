// Numbers and times as people read them.

const counts = new Intl.NumberFormat("en-GB");
const moments = new Intl.DateTimeFormat("en-GB", {
  dateStyle: "medium",
  timeStyle: "long",
});

const times = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

export function count(number) {
  return counts.format(number);
}

// count(3) + " records", in one: plural(3, "record")
export function plural(number, noun, several = `${noun}s`) {
  return `${count(number)} ${number === 1 ? noun : several}`;
}

// A cosine: three digits.
export function score(number) {
  return number.toFixed(3).replace("-", "\u2212");
}

// A share of one as a percentage, never rounded up to certainty.
export function percent(share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  if (share < 1 && share >= 0.9995) return "> 99.9 %";
  return `${(share * 100).toFixed(1)} %`;
}

// An RFC 3339 time in the reader's time zone, which is named.
export function moment(text) {
  return moments.format(new Date(text));
}

// The time of day to the second, in the reader's time zone.
export function clock(date) {
  return times.format(date);
}

// Whole seconds from ten on; waits that are shorter are told by tenths.
export function duration(seconds) {
  if (seconds < 9.95) return `${Number(Math.max(0, seconds).toFixed(1))} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole % 60 === 0 && whole < 3600) return `${whole / 60} min`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const hours = Math.floor(whole / 3600);
  if (hours < 48) return `${hours} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(hours / 24)} days ${hours % 24} h`;
}
