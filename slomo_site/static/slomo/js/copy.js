// Buttons that copy the text of another element: <button data-copy="id of the element" hidden>.

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break; // over plain HTTP from another machine browsers offer none
  const words = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = words), 2000);
  });
}
