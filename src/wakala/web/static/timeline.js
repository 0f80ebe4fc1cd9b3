// Copy buttons, and a page that follows its payment. Without this file the page still says everything.

const QUICK_UNTIL_MS = 20_000;
const STEADY_UNTIL_MS = 60_000;
const started = performance.now();

function wait_ms() {
  const age = performance.now() - started;
  if (age < QUICK_UNTIL_MS) return 1_000; // someone is watching a payment happen
  return age < STEADY_UNTIL_MS ? 4_000 : 10_000;
}

function showCopyButtons() {
  if (!navigator.clipboard) return; // plain HTTP on a host name: no clipboard, so no buttons
  for (const button of document.querySelectorAll("button.copy[hidden]")) button.hidden = false;
}

async function copy(button) {
  const word = button.querySelector("span");
  const before = button.dataset.word ?? word.textContent;
  button.dataset.word = before;
  await navigator.clipboard.writeText(button.dataset.copy);
  word.textContent = button.dataset.copied;
  document.getElementById("spoken").textContent = button.dataset.copied;
  setTimeout(() => { word.textContent = before; }, 1_600);
}

document.addEventListener("click", (click) => {
  const button = click.target.closest("button.copy");
  if (button) copy(button).catch(() => {});
});

// The new page replaces the old one in place; what the reader had opened stays open, and his focus stays where it was.
function replaceMain(fresh) {
  const old = document.getElementById("main");
  if (fresh.innerHTML === old.dataset.seen) return;
  if (!document.getSelection().isCollapsed) return; // someone is marking text: the next look will do
  const open = [...old.querySelectorAll("details[open]")].map((details) => details.id);
  const focused = document.activeElement?.closest("details")?.id;
  const stateBefore = old.querySelector("#state")?.textContent;
  fresh.dataset.seen = fresh.innerHTML;
  for (const id of open) fresh.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
  old.replaceWith(fresh);
  showCopyButtons();
  if (focused) document.querySelector(`#${CSS.escape(focused)} > summary`)?.focus({ preventScroll: true });
  const state = fresh.querySelector("#state")?.textContent;
  if (state !== stateBefore) document.getElementById("spoken").textContent = state;
}

async function look() {
  const following = document.getElementById("following");
  try {
    const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = page.title;
    if (following) following.textContent = following.dataset.on;
    replaceMain(document.adoptNode(page.getElementById("main")));
  } catch {
    if (following) following.textContent = following.dataset.lost;
  }
}

async function follow() {
  while (document.getElementById("main")?.hasAttribute("data-live")) {
    await new Promise((resume) => { setTimeout(resume, wait_ms()); });
    if (document.hidden) await new Promise((resume) => {
      document.addEventListener("visibilitychange", resume, { once: true });
    });
    await look();
  }
}

showCopyButtons();
follow();
