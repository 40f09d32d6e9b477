// Durations, times, counts and names in words.

export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${Math.floor(hours / 24)} d`;
}

const two = (number) => String(number).padStart(2, "0");

export function clock(when, parts = 0) {
  const at = new Date(when);
  const hundredths = parts ? `.${two(Math.floor(at.getMilliseconds() / 10))}` : "";
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}${hundredths}`;
}

export function minute(when) {
  return clock(when).slice(0, 5);
}

// A time, with its date if that is not today.
export function moment(when, today = new Date()) {
  const at = new Date(when);
  if (at.toDateString() === today.toDateString()) return clock(at);
  return `${at.getDate()} ${at.toLocaleString("en", { month: "short" })} ${clock(at)}`;
}

// {"person": 4, "car": 1}: "4 × person, 1 × car".
export function counted(counts) {
  return Object.entries(counts).map(([name, count]) => `${count} × ${name}`).join(", ");
}

export function changed(before, after) {
  const names = new Set([...Object.keys(after), ...Object.keys(before)]);
  return [...names].map((name) => [name, (after[name] ?? 0) - (before[name] ?? 0)])
    .filter(([, by]) => by)
    .map(([name, by]) => `${by > 0 ? "+" : "−"}${Math.abs(by)} ${name}`).join(", ");
}

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, unit] = [count, 0];
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${value < 10 && unit ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

export function sentence(words) {
  return words ? words[0].toUpperCase() + words.slice(1) : words;
}

// The name that was probably meant, or null.
export function meant(name, names) {
  const [best] = names.map((one) => [distance(name.toLowerCase(), one.toLowerCase()), one]).sort((a, b) => a[0] - b[0]);
  return best && best[0] <= Math.max(2, name.length / 3) ? best[1] : null;
}

// Edits from one word to another: letters added, removed, replaced, or swapped with a neighbour.
function distance(a, b) {
  let [before, last] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length];
}
