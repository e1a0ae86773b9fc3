//! Whether the page looks right as it stands: nothing wider than the window, no text over another or cut off, enough contrast, and a name for
//! whatever is not text.

use super::browser::Browser;

/// Gives every fault that it finds, in words.
const FAULTS: &str = r"(() => {
  const faults = [];
  const root = document.documentElement;
  if (root.scrollWidth > innerWidth) faults.push('wider than the window: ' + root.scrollWidth);
  const rgb = text => text.match(/[\d.]+/g).map(Number);
  const light = color => {
    const [r, g, b] = rgb(color).map(c => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    for (; element; element = element.parentElement) {
      const color = getComputedStyle(element).backgroundColor;
      if ((rgb(color)[3] ?? 1) > 0.5) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const seen = element => element.checkVisibility() && !element.closest('.heard, title');
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].filter(node => node.nodeType === 3).map(node => node.data.trim()).join('');
    if (!own || !seen(element) || element.closest('script, style')) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(element.closest('svg') ? style.fill : style.color), light(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faults.push('contrast ' + contrast.toFixed(1) + ': ' + own);
    const box = element.getBoundingClientRect();
    if (box.width < 1 || box.height < 1) faults.push('not to be seen: ' + own);
    if (!element.closest('.scrolls') && (box.left < 0 || box.right > innerWidth + 0.5)) faults.push('cut off: ' + own);
  }
  for (const picture of document.querySelectorAll('svg')) {
    if (picture.getAttribute('role') !== 'img' || !picture.getAttribute('aria-label')) faults.push('a picture without a name');
    const all = [...picture.querySelectorAll('text')].filter(text => text.textContent);
    const whole = picture.getBoundingClientRect();
    const boxes = all.map(text => text.getBoundingClientRect());
    boxes.forEach((box, i) => {
      if (box.left < whole.left - 1 || box.right > whole.right + 1 || box.bottom > whole.bottom + 2) faults.push('outside its picture: ' + all[i].textContent);
      boxes.slice(0, i).forEach((other, j) => {
        const over = Math.min(box.right, other.right) - Math.max(box.left, other.left);
        const under = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
        if (over > 1 && under > 4) faults.push('one over the other: ' + all[i].textContent + ' and ' + all[j].textContent);
      });
    });
    for (const box of picture.querySelectorAll('rect.box')) {
      const [frame, texts] = [box.getBoundingClientRect(), [...box.parentNode.querySelectorAll('text')]];
      for (const text of texts) {
        if (text.getBoundingClientRect().right > frame.right) faults.push('wider than its box: ' + text.textContent);
      }
    }
  }
  for (const table of document.querySelectorAll('table')) {
    if (!table.caption?.textContent || !table.querySelector('th[scope=col]')) faults.push('a table without a name or heads');
  }
  for (const field of document.querySelectorAll('input')) {
    if (!field.labels.length) faults.push('a field without a label');
  }
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  if (dark !== (light(ground(document.body)) < 0.2)) faults.push('not as dark or light as was asked for');
  return faults;
})()";

pub(super) fn check(page: &mut Browser, how: &str) {
    let faults = page.value(FAULTS);
    assert_eq!(faults.as_array().map(Vec::len), Some(0), "{how}: {faults:#}");
}
