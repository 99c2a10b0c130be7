// The skeletons play, stop and jump with the annotated video.
const follow = (event) => {
  const leader = event.target;
  if (!(leader instanceof HTMLVideoElement) || !leader.closest("#annotated")) return;
  for (const video of document.querySelectorAll("#skeleton video, #turning video")) {
    video.currentTime = leader.currentTime;
    video.playbackRate = leader.playbackRate;
    if (event.type === "play") video.play();
    if (event.type === "pause") video.pause();
  }
};
for (const type of ["play", "pause", "seeked", "ratechange"]) document.addEventListener(type, follow, true);
