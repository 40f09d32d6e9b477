// Asks for the token, and forgets it. A cookie that no script can read keeps the session.
import { Refused, ask } from "./api.js";
import { make, text } from "./dom.js";

const field = make("input", { type: "password", id: "token", autocomplete: "current-password", required: true });
const said = make("p", { class: "small bad", role: "alert" });
const enter = make("button", { class: "btn main big" }, "Log in");
const dialog = make("dialog", { class: "login", "aria-labelledby": "login-title" },
  make("form", { class: "stack", onsubmit: submit },
    make("h2", { id: "login-title" }, "Enter your token"),
    make("label", { class: "col", for: "token" }, "Token", field), said, enter,
    make("p", { class: "small soft" }, "Make one on the box: ", make("code", {}, "edge-daemon token"))));
let done = () => {};

export function askForToken(then) {
  done = then;
  if (dialog.open) return;
  if (!dialog.isConnected) document.body.append(dialog);
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.showModal();
}

async function submit(event) {
  event.preventDefault();
  try {
    await ask("api/login", { method: "POST", body: JSON.stringify({ token: field.value.trim() }) });
  } catch (error) {
    if (error.status === 401) text(said, "This token is not valid.");
    else if (error instanceof Refused) text(said, `${error.message}.`);
    else text(said, "No answer from edge-daemon.");
    field.select();
    if (error.retry) wait(error.retry);
    return;
  }
  field.value = "";
  text(said, "");
  dialog.close();
  done();
}

// Counts down to the next try that the daemon accepts.
function wait(seconds) {
  enter.disabled = seconds > 0;
  text(enter, seconds > 0 ? `Next try in ${seconds} s` : "Log in");
  if (seconds > 0) setTimeout(() => wait(seconds - 1), 1000);
}

export async function logOut() {
  await ask("api/logout", { method: "POST" });
  location.reload();
}
