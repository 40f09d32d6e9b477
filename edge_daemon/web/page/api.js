// Asks the daemon. Addresses are relative, since a proxy may have put something before them.

export class Refused extends Error {
  constructor(status, sentence, retry) {
    super(sentence);
    [this.status, this.retry] = [status, retry];
  }
}

export async function ask(address, { signal, wait = 5000, ...options } = {}) {
  const limit = AbortSignal.timeout(wait);
  const answer = await fetch(address, { cache: "no-store", ...options, signal: signal ? AbortSignal.any([signal, limit]) : limit });
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  const sentence = typeof body.detail === "string" ? body.detail : `the answer was ${answer.status}`;
  throw new Refused(answer.status, sentence, Number(answer.headers.get("Retry-After")) || 0);
}

export async function get(address, options) {
  return (await ask(address, options)).json();
}

export const cameraPath = (name) => `api/cameras/${encodeURIComponent(name)}`;
export const recordingsPath = (name) => `api/recordings/${encodeURIComponent(name)}`;
export const modelPath = (name) => `api/models/${encodeURIComponent(name)}`;

// The address as another program would use it.
export function absolute(path) {
  return new URL(path, document.baseURI).href;
}

export async function copy(words) {
  if (navigator.clipboard) return navigator.clipboard.writeText(words);
  const field = Object.assign(document.createElement("textarea"), { value: words }); // plain HTTP has no clipboard
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}
