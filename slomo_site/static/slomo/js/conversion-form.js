/** The conversion form: times taken from the player, and what it will make, said while choosing. */

const PAUSE_AFTER_TYPING = 250;

function start(form) {
  const outcome = form.querySelector("[data-outcome]");
  const summary = form.querySelector("[data-summary]");
  const video = document.querySelector("[data-source-video]");
  let timer = 0;
  let asked = null;

  form.querySelector("[data-preview]").hidden = true;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(estimate, PAUSE_AFTER_TYPING);
  });
  for (const button of form.querySelectorAll("[data-take-time]")) {
    button.hidden = video === null;
    button.addEventListener("click", () => {
      const field = form.elements.namedItem(button.dataset.takeTime);
      field.value = String(Math.round(video.currentTime * 1000) / 1000);
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }
  estimate();

  async function estimate() {
    const wishes = new FormData(form);
    wishes.delete("csrfmiddlewaretoken");
    asked?.abort();
    asked = new AbortController();
    try {
      const response = await fetch(`${form.dataset.estimate}?${new URLSearchParams(wishes)}`, {
        credentials: "same-origin",
        signal: asked.signal,
      });
      show(await response.json());
    } catch (error) {
      // The server checks again when the form is sent, so a lost estimate must not block it.
      if (error.name !== "AbortError") show({ summary: "" });
    }
  }

  function show({ summary: words = "", error = null }) {
    const problems = Object.entries(error?.fields ?? {});
    const sentences = problems.map(([, messages]) => messages.join(" "));
    outcome.dataset.refused = String(error !== null);
    summary.textContent = error ? sentences.join(" ") || error.message : words;
    const refused = new Set(problems.map(([name]) => name));
    for (const field of form.elements) {
      if (field.name) field.setAttribute("aria-invalid", String(refused.has(field.name)));
    }
  }
}

for (const form of document.querySelectorAll("[data-conversion-form]")) start(form);
