/**
 * Calls `refuse` when the browser cannot show the pictures of `video`: it reports an error, or it
 * plays the sound alone, which is what browsers do with a codec they lack beside one they have.
 */
export function whenUnplayable(video, refuse) {
  const look = () => {
    if (video.readyState >= HTMLMediaElement.HAVE_METADATA && video.videoWidth === 0) refuse();
  };
  video.addEventListener("error", refuse);
  video.addEventListener("loadedmetadata", look);
  if (video.error) refuse();
  look();
}
