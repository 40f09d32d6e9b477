// All routes, from the OpenAPI description.
import { make } from "./parts.js";

const { paths } = await (await fetch("openapi.json")).json();
const byTag = new Map();
for (const [path, methods] of Object.entries(paths)) {
  for (const [method, route] of Object.entries(methods)) {
    const tag = route.tags?.[0] ?? "";
    if (!byTag.has(tag)) byTag.set(tag, []);
    byTag.get(tag).push({ path, method, route });
  }
}
for (const [tag, routes] of byTag) {
  const rows = routes.map(({ path, method, route }) => make("tr", {},
    make("td", {}, method.toUpperCase()),
    make("td", {}, make("code", {}, path)),
    make("td", {}, route.summary ?? "",
      ...(route.parameters ?? []).filter((one) => one.in === "query").map((one) => make("div", {}, make("code", {}, `?${one.name}=`), ` ${one.description ?? ""}`)))));
  document.getElementById("routes").append(make("div", { class: "scroll" }, make("table", {}, make("caption", {}, tag), make("tbody", {}, ...rows))));
}
