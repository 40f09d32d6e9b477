// The view named in the address: #cameras/NAME/about?show=down.

export function parse(hash) {
  const [path, query] = hash.replace(/^#/, "").split("?");
  const parts = path.split("/").filter(Boolean).map((part) => {
    try { return decodeURIComponent(part); } catch { return part; }
  });
  return { view: parts[0] ?? "", parts: parts.slice(1), query: new URLSearchParams(query ?? "") };
}

export function address(view, parts = [], query = {}) {
  const path = [view, ...parts].map(encodeURIComponent).join("/");
  const rest = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
  return `#${path}${rest ? `?${rest}` : ""}`;
}

export const cameraAddress = (name, ...more) => address("cameras", [name, ...more]);

export function go(hash) {
  location.hash = hash;
}

// Changes the address without a step in the history.
export function replace(hash) {
  if (location.hash !== hash) history.replaceState(null, "", hash);
}
