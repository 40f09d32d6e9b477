// A command or a program to copy.
import { copy } from "./api.js";
import { choice, make, text } from "./dom.js";
import { toast } from "./say.js";

export function copied(words) {
  return copy(words).then(() => toast("Copied"), () => toast("The browser does not allow copying", { failed: true }));
}

export function command(words) {
  return make("div", { class: "copy" }, make("pre", { class: "wrap" }, words), make("button", { type: "button", class: "btn", onclick: () => copied(words) }, "Copy"));
}

// The same in several languages: `programs` is text by name.
export function programs(all) {
  const shown = make("pre", { class: "wrap", tabindex: 0 });
  let now = Object.keys(all)[0];
  const show = (name) => text(shown, all[now = name]);
  const names = choice("Language", Object.keys(all).map((name) => [name, name]), now, show);
  show(now);
  return {
    names,
    element: make("div", { class: "copy" }, shown, make("button", { type: "button", class: "btn", onclick: () => copied(all[now]) }, "Copy")),
    change(other) { all = other; show(now); },
  };
}

const quoted = (words) => (/^[\w@%+=:,./-]+$/.test(words) ? words : `'${words.replaceAll("'", "'\\''")}'`);

// How programs send a request; `file` is the name of a picture to send, or to save the answer in.
export function inLanguages(method, url, { send, save, token } = {}) {
  const bearer = token ? { curl: `-H "Authorization: Bearer $TOKEN" `, python: `, headers={"Authorization": f"Bearer {token}"}`, js: `headers: { Authorization: \`Bearer \${token}\` }` } : { curl: "", python: "", js: "" };
  const body = send ? `--data-binary @${quoted(send)} ` : method === "GET" ? "" : `-X ${method} `;
  const js = [method === "GET" ? "" : `method: "${method}"`, send ? "body: file" : "", bearer.js].filter(Boolean).join(", ");
  return {
    curl: `curl ${save ? `-o ${quoted(save)} ` : ""}${bearer.curl}${body}${quoted(url)}`,
    Python: `import httpx\n\nanswer = httpx.${method.toLowerCase()}(${JSON.stringify(url)}${send ? `, content=open(${JSON.stringify(send)}, "rb").read()` : ""}${bearer.python})\n${save ? `open(${JSON.stringify(save)}, "wb").write(answer.content)` : "print(answer.json())"}`,
    JavaScript: `const answer = await fetch(${JSON.stringify(url)}${js ? `, { ${js} }` : ""});\nconsole.log(await answer.${save ? "blob" : "json"}());`,
  };
}
