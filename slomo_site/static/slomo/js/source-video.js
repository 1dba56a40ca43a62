/** Says so where the browser cannot play the original; slow motion of it can be made all the same. */

const video = document.querySelector("[data-source-video]");

function refuse() {
  document.querySelector("[data-source-unplayable]").hidden = false;
}

video.addEventListener("error", refuse);
if (video.error) refuse();
