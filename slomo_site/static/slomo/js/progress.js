/** Follows a conversion while it waits and runs; when it is over, shows the page of its outcome. */

const INTERVAL = 1000;
const LONGEST_INTERVAL = 15000;

function follow(root) {
  const find = (name) => root.querySelector(`[data-${name}]`);
  let wait = INTERVAL;
  let announced = find("headline").textContent;

  async function poll() {
    try {
      const response = await fetch(root.dataset.status, {
        credentials: "same-origin",
        headers: { Accept: "application/json" },
        cache: "no-store",
      });
      if (response.status === 404 || response.redirected) return location.reload();
      if (!response.ok) throw new Error(String(response.status));
      const status = await response.json();
      if (status.finished) return location.reload();
      show(status);
      wait = INTERVAL;
    } catch {
      find("problem").hidden = false;
      find("problem").textContent =
        "The site does not answer just now. The conversion goes on without this page; trying again…";
      wait = Math.min(wait * 2, LONGEST_INTERVAL);
    }
    setTimeout(poll, wait);
  }

  function show(status) {
    const bar = find("bar");
    if (status.fraction === null) bar.removeAttribute("value");
    else bar.value = status.fraction;
    // Screen readers hear the headline; it is written only when it says something new.
    if (status.headline !== announced) {
      announced = status.headline;
      find("headline").textContent = announced;
    }
    find("facts").replaceChildren(
      ...status.facts.map((fact) => {
        const item = document.createElement("li");
        item.textContent = fact;
        return item;
      }),
    );
    find("problem").textContent = status.problem;
    find("problem").hidden = !status.problem;
    find("cancel").hidden = !status.can_cancel;
    if (status.fraction !== null) {
      document.title = `${Math.floor(status.fraction * 100)} % – ${root.dataset.title}`;
    }
  }

  setTimeout(poll, INTERVAL);
}

for (const root of document.querySelectorAll("[data-progress]")) follow(root);
