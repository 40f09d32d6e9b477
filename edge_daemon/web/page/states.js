// The state of a camera: its kind (a shape and a colour), and its words.
import { duration, sentence } from "./words.js";

export const TROUBLE = ["down", "stalled", "frozen"];
const INTENDED = new Set(["paced", "still", "shutdown"]);

export function kindOf(camera) {
  const state = camera.state;
  if (state.startsWith("down")) return "down";
  if (state === "stalled" || state === "frozen") return state;
  if (state === "up") return camera.motion?.state === "still" ? "asleep" : "up";
  if (state === "ended" || state === "finished") return "ended";
  return state === "unknown" ? "unknown" : "connecting";
}

export function reasonOf(camera) {
  return camera.reason || camera.state.match(/^down \((.*)\)$/s)?.[1] || "";
}

// Seconds for which a camera has been in its state, by the daemon's clock; null if that is not known.
export function lasts(camera, now) {
  const since = camera.state === "up" && camera.motion?.state === "still" ? camera.motion.since : camera.since;
  const ms = Date.parse(since);
  return Number.isFinite(ms) ? Math.max(0, (now - ms) / 1000) : null;
}

export function stateInWords(camera, now) {
  const kind = kindOf(camera);
  const seconds = lasts(camera, now);
  const word = kind === "connecting" && camera.state !== "connecting" ? camera.state : kind;
  if (seconds === null || kind === "ended" || kind === "unknown") return word;
  return kind === "down" || kind === "connecting" ? `${word} for ${duration(seconds)}` : `${word} ${duration(seconds)}`;
}

// Why, what to do, and when it is tried next.
export function explained(camera) {
  const [reason, hint] = [reasonOf(camera), camera.hint ?? ""];
  const why = [reason === camera.state ? "" : sentence(reason), hint].filter(Boolean).join(". ");
  return { why: why && !/[.?]$/.test(why) ? `${why}.` : why, next: nextTry(camera.next_try_s) };
}

function nextTry(seconds) {
  if (!Number.isFinite(seconds)) return "";
  return seconds < 1 ? "Next try now" : `Next try in ${duration(seconds)}`;
}

export function count(cameras) {
  const counts = { all: 0, up: 0, stalled: 0, down: 0 };
  for (const camera of Object.values(cameras)) {
    counts.all += 1;
    const group = groupOf(camera);
    if (group) counts[group] += 1;
  }
  return counts;
}

// The filter to which a camera belongs.
export function groupOf(camera) {
  const kind = kindOf(camera);
  if (kind === "frozen") return "stalled";
  return kind === "asleep" || kind === "ended" ? "up" : kind in { up: 1, stalled: 1, down: 1 } ? kind : null;
}

export function troubleInWords(counts) {
  const parts = [];
  if (counts.down) parts.push(`${counts.down} down`);
  if (counts.stalled) parts.push(`${counts.stalled} stalled`);
  return parts.join(", ");
}

// Frames that were lost against the will of the configuration, by reason.
export function lossesOf(dropped) {
  return Object.entries(dropped).filter(([reason, number]) => number && !INTENDED.has(reason));
}
