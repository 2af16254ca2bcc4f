// What is wrong with a page's layout at its present width: sentences, none where all is well.
() => {
  const SLACK = 2;
  const faults = [];
  const dialog = document.querySelector("dialog[open]");
  const root = dialog ?? document.body;
  const name = (node) => {
    const words = (node.innerText || node.getAttribute("aria-label") || "").trim().slice(0, 40);
    return `<${node.tagName.toLowerCase()} class="${node.className}"> "${words}"`;
  };
  const isShown = (node) =>
    node.checkVisibility({ visibilityProperty: true, opacityProperty: true }) &&
    !node.closest(".unseen, .skip");

  const wide = document.documentElement.scrollWidth - window.innerWidth;
  if (wide > 0) faults.push(`the page scrolls sideways by ${wide} px`);

  const boxes = [];
  for (const node of root.querySelectorAll("*")) {
    if (!isShown(node)) continue;
    const box = node.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) continue;
    if (box.left < -SLACK || box.right > window.innerWidth + SLACK) {
      faults.push(`outside the screen: ${name(node)}`);
    }
    const style = getComputedStyle(node);
    const isCut =
      node.scrollWidth > node.clientWidth + SLACK &&
      node.clientWidth > 0 &&
      style.display !== "inline" &&
      (style.overflowX !== "visible" || node.matches("button, .button, .badge, .tab"));
    if (isCut && !node.matches("input, select, textarea")) faults.push(`cut off: ${name(node)}`);
    if (node.matches("button, .button, input, select, textarea, img, progress")) {
      boxes.push({ node, box });
    }
    for (const child of node.childNodes) {
      if (child.nodeType !== Node.TEXT_NODE || child.textContent.trim() === "") continue;
      const range = document.createRange();
      range.selectNodeContents(child);
      for (const line of range.getClientRects()) boxes.push({ node, box: line });
    }
  }

  // What floats over the rest on purpose: bars at the foot, and names upon pictures.
  const floating = (node) => {
    for (let each = node; each && each !== root; each = each.parentElement) {
      const { position } = getComputedStyle(each);
      if (position === "sticky" || position === "fixed") return each;
    }
    return null;
  };
  const mayOverlap = (a, b) =>
    a.contains(b) ||
    b.contains(a) ||
    floating(a) !== floating(b) ||
    [a, b].some((node) => node.matches(".picture-name"));
  boxes.sort((a, b) => a.box.top - b.box.top);
  boxes.forEach(({ node, box }, place) => {
    for (let next = place + 1; next < boxes.length; next += 1) {
      const other = boxes[next];
      if (other.box.top > box.bottom - SLACK) break;
      const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
      const down = Math.min(box.bottom, other.box.bottom) - other.box.top;
      if (across > SLACK && down > SLACK && !mayOverlap(node, other.node)) {
        faults.push(`overlap: ${name(node)} and ${name(other.node)}`);
      }
    }
  });
  return [...new Set(faults)];
};
