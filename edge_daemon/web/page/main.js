// The page: fetches the status every second, and shows the view named in the address.
import { Cameras } from "./cameras.js";
import { System } from "./system.js";
import { Trying } from "./trying.js";

const views = { cameras: new Cameras(), try: new Trying(), system: new System() };
const summary = document.getElementById("summary");
const login = document.getElementById("login");

function show() {
  const [name, ...rest] = decodeURIComponent(location.hash.slice(1) || "cameras").split("/");
  const chosen = name in views ? name : "cameras";
  for (const [each, view] of Object.entries(views)) {
    document.getElementById(`view-${each}`).hidden = each !== chosen;
    const link = document.querySelector(`[data-view="${each}"]`);
    if (each === chosen) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (each === chosen) view.enter(rest.join("/"));
    else view.leave();
  }
}

function summaryOf(status) {
  const cameras = Object.values(status.cameras);
  const up = cameras.filter((camera) => camera.state === "up" || camera.state === "frozen").length;
  let fps = 0;
  for (const camera of cameras) for (const counts of Object.values(camera.models)) fps += counts.fps;
  return `${up} of ${cameras.length} cameras up, ${fps.toFixed(0)} results per second`;
}

const LOST_MS = 3000;
const lost = document.getElementById("lost");
let answered = performance.now();
let seen = new Date();
let at = null;

// Without an answer for some seconds nothing on the page may look alive.
function showAge() {
  const age = performance.now() - answered;
  const isLost = age > LOST_MS;
  document.body.classList.toggle("lost", isLost);
  lost.hidden = !isLost;
  const seconds = Math.round(age / 1000);
  if (isLost) lost.textContent = `Connection lost ${seconds} s ago. Nothing below is live: it is the state at ${seen.toLocaleTimeString()}.`;
  for (const view of Object.values(views)) view.aged?.(isLost ? seconds : null);
}

function title(status) {
  const cameras = Object.values(status.cameras);
  const down = cameras.filter((camera) => camera.state.startsWith("down")).length;
  document.title = `${down ? `(${down} down) ` : ""}edge-daemon`;
}

async function poll() {
  try {
    const answer = await fetch("api/status", { cache: "no-store" });
    if (answer.status === 401) {
      answered = performance.now();
      at = null;
      summary.textContent = "not logged in";
      if (!login.open) login.showModal();
      return;
    }
    if (!answer.ok) throw new Error(`${answer.status}`);
    const status = await answer.json();
    // A status that does not change comes from a daemon whose sink has stopped.
    if (status.at !== at) [answered, seen, at] = [performance.now(), new Date(), status.at];
    if (status.cameras) {
      summary.textContent = summaryOf(status);
      title(status);
      for (const view of Object.values(views)) view.update(status);
    }
  } catch {
    document.title = "(no connection) edge-daemon";
    summary.textContent = "no answer, retrying";
  } finally {
    showAge();
  }
}

document.getElementById("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = document.getElementById("login-token");
  const said = document.getElementById("login-said");
  const answer = await fetch("api/login", { method: "POST", body: JSON.stringify({ token: token.value.trim() }) });
  token.value = "";
  said.textContent = answer.ok ? "" : (await answer.json()).detail;
  if (!answer.ok) return;
  login.close();
  await poll();
  show();
});

addEventListener("hashchange", show);
show();
poll();
setInterval(() => { if (!document.hidden) poll(); }, 1000);
document.addEventListener("visibilitychange", () => (document.hidden ? Object.values(views).forEach((view) => view.leave()) : show()));
