// The order's page turns by itself. Without this file it refreshes itself, and without that a reload does the same.

const started = performance.now();

// Every second while somebody stands there with a phone in the hand, then less and less often.
function wait_ms() {
  const age = performance.now() - started;
  return age < 20_000 ? 1_000 : age < 60_000 ? 4_000 : 10_000;
}

async function turnTo(sentence) {
  const page = await (await fetch(location.href, { cache: "no-store" })).text();
  const fresh = new DOMParser().parseFromString(page, "text/html");
  document.title = fresh.title;
  document.getElementById("main").replaceWith(document.adoptNode(fresh.getElementById("main")));
  document.getElementById("spoken").textContent = sentence;
}

async function watch() {
  for (let main; (main = document.getElementById("main")).dataset.watch;) {
    await new Promise((resume) => { setTimeout(resume, wait_ms()); });
    if (document.hidden) await new Promise((resume) => {
      document.addEventListener("visibilitychange", resume, { once: true });
    });
    try {
      const order = await (await fetch(main.dataset.watch, { cache: "no-store" })).json();
      if (order.State !== main.dataset.state) await turnTo(order.Sentence);
    } catch {
      // No network for a moment: the next look will tell.
    }
  }
}

watch();
