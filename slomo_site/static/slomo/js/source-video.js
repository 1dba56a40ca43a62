/** Says so where the browser cannot play the original; slow motion of it can be made all the same. */

import { whenUnplayable } from "./unplayable.js";

whenUnplayable(document.querySelector("[data-source-video]"), () => {
  document.querySelector("[data-source-unplayable]").hidden = false;
});
