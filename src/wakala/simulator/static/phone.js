// Asks for the same page each second and swaps the parts that have changed. What someone has typed, opened or
// focused stays as it is. Without this module the page works too, by its forms.

const PERIOD_MS = 1000;
const announcer = document.getElementById("announcer");
const offline = document.getElementById("offline");
const seen = new Map(Array.from(document.querySelectorAll("[data-live]"), (part) => [part.id, part.outerHTML]));

document.documentElement.classList.add("scripted");

// The served text of a part is compared, not its live state, so opening a menu is no change.
function swap(fresh) {
  const text = fresh.outerHTML;
  const old = document.getElementById(fresh.id);
  if (!old || seen.get(fresh.id) === text) return;
  seen.set(fresh.id, text);
  const part = document.importNode(fresh, true);
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const changed = part.dataset.announce !== old.dataset.announce;
  keepState(old, part);
  old.replaceWith(part);
  if (focused) refocus(part, focused);
  if (changed && part.dataset.announce) announcer.textContent = part.dataset.announce;
}

function keepState(old, part) {
  for (const details of old.querySelectorAll("details[open]")) {
    part.querySelector(`#${CSS.escape(details.id)}`)?.setAttribute("open", "");
  }
  const samePrompt = old.querySelector("form.prompt")?.id === part.querySelector("form.prompt")?.id;
  for (const field of old.querySelectorAll("input[id], select[id]")) {
    const twin = part.querySelector(`#${CSS.escape(field.id)}`);
    if (!twin || (field.closest("form.prompt") && !samePrompt)) continue;
    if (field.type === "checkbox") {
      if (field.checked !== field.defaultChecked) twin.checked = field.checked;
    } else if (field.tagName === "SELECT") {
      if (!field.options[field.selectedIndex]?.defaultSelected) twin.value = field.value;
    } else if (field.value !== field.defaultValue) {
      twin.value = field.value;
    }
  }
}

function refocus(part, focused) {
  const twin = focused.id ? document.getElementById(focused.id) : matching(part, focused);
  twin?.focus({ preventScroll: true });
}

function matching(part, focused) {
  const prompt = focused.closest("form.prompt");
  const place = prompt ? part.querySelector(`#${CSS.escape(prompt.id)}`) : part;
  const name = focused.tagName === "SUMMARY" ? `#${CSS.escape(focused.parentElement.id)} > summary` : null;
  if (name) return part.querySelector(name);
  return Array.from(place?.querySelectorAll("button") ?? []).find(
    (button) => button.value === focused.value && button.textContent === focused.textContent,
  );
}

async function refresh() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    fresh.querySelectorAll("[data-live]").forEach(swap);
    offline.hidden = true;
  } catch {
    offline.hidden = false;
  }
}

async function loop() {
  if (!document.hidden) await refresh();
  setTimeout(loop, PERIOD_MS);
}

document.addEventListener("click", (event) => {
  const key = event.target.closest?.("button[data-digit]");
  const pin = key?.form?.elements.namedItem("pin");
  if (!pin) return;
  pin.value = key.dataset.digit === "" ? pin.value.slice(0, -1) : (pin.value + key.dataset.digit).slice(0, pin.maxLength);
});

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});

setTimeout(loop, PERIOD_MS);
