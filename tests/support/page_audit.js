// Texts of the page that can hardly be read, as "ratio tag.class text": less than 4.5:1 against what is behind them.
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const over = (upper, lower) => [0, 1, 2].map((i) => (upper[i] * upper[3] + lower[i] * (255 - upper[3])) / 255).concat(255);
  const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);

  function behind(element) {
    const layers = [];
    for (let each = element; each; each = each.parentElement) layers.push(rgba(getComputedStyle(each).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 255]);
  }

  function contrast(element) {
    const style = getComputedStyle(element);
    const ground = behind(element);
    const text = over(rgba(element.ownerSVGElement ? style.fill : style.color), ground);
    const [light, dark] = [luminance(text), luminance(ground)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  }

  const found = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.textContent.trim();
    const element = texts.currentNode.parentElement;
    const isSeen = element.checkVisibility({ visibilityProperty: true }) && !element.closest("title, script, .skip, .sr");
    if (!text || !isSeen) continue;
    const ratio = contrast(element);
    if (ratio < 4.5) found.add(`${ratio.toFixed(2)} ${element.tagName}.${element.getAttribute("class")} ${text.slice(0, 40)}`);
  }
  return [...found];
}
