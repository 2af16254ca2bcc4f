// The page's live region: one sentence at a time for who listens instead of looking.

export function announce(sentence) {
  const region = document.getElementById("announcements");
  // The same sentence twice would not be read again.
  region.textContent = region.textContent === sentence ? `${sentence}\u00a0` : sentence;
}
