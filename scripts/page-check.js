// What scripts/page-check asks of a page, from inside it: each answer is a list of what is wrong.

globalThis.look = (() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const visible = node => node.checkVisibility() && node.getClientRects().length > 0;
  const name = node => `${node.tagName.toLowerCase()}.${node.getAttribute("class") ?? ""} "${node.textContent.trim().slice(0, 40)}"`;

  function document_() {
    const wrong = [];
    const must = (is, words) => { if (!is) wrong.push(words); };
    must(document.documentElement.lang, "no language");
    must(document.title && document.title !== "run", `title is "${document.title}"`);
    const policy = document.querySelector("meta[http-equiv=Content-Security-Policy]")?.content ?? "";
    must(policy.includes("default-src 'none'") && !policy.includes("unsafe"), `policy is "${policy}"`);
    must(all("h1").length === 1, "not one h1");
    let level = 0;
    for (const heading of all("h1,h2,h3,h4")) {
      must(Number(heading.tagName[1]) <= level + 1, `${name(heading)} skips a level`);
      level = Number(heading.tagName[1]);
    }
    for (const landmark of ["main", "header", "footer"]) must(document.querySelector(landmark), `no ${landmark}`);
    const ids = all("[id]").map(node => node.id);
    must(new Set(ids).size === ids.length, "an id twice");
    for (const node of all("[aria-labelledby],[aria-describedby]"))
      for (const id of `${node.getAttribute("aria-labelledby") ?? ""} ${node.getAttribute("aria-describedby") ?? ""}`.trim().split(/\s+/))
        must(document.getElementById(id)?.textContent.trim(), `${name(node)} is named by ${id}, which says nothing`);
    for (const link of all("a[href]")) must(document.querySelector(link.hash), `${link.href} leads nowhere`);
    for (const table of all("table")) {
      must(table.caption?.textContent.trim(), `${name(table)} has no caption`);
      must(all("thead th", table).every(head => head.scope === "col" && head.textContent.trim()), "a column has no heading");
      must([...table.tBodies[0].rows].every(row => row.cells.length === table.tHead.rows[0].cells.length), "a row of other length");
      for (const cell of all("tbody .n", table)) if (getComputedStyle(cell).textAlign !== "right") must(false, `${name(cell)} is not to the right`);
    }
    for (const svg of all("svg"))
      must(svg.getAttribute("aria-hidden") === "true" || (svg.getAttribute("role") === "img" && svg.querySelector("title")), `${name(svg)} has no name`);
    // What is no part of a page was put there by a text.
    for (const node of all("img,iframe,object,embed,link,base,form,input,video,audio,image,foreignObject,animate,set,b,i"))
      must(false, `a ${node.tagName}`);
    must(all("script").length === 1 && all("style").length === 1, "more than one script or style");
    for (const node of all("*")) for (const attribute of node.attributes) {
      must(!/^(on|style$|src|srcset|xlink|action|formaction)/i.test(attribute.name), `${name(node)} has ${attribute.name}`);
      if (attribute.name === "href") must(attribute.value.startsWith("#"), `${name(node)} leads to ${attribute.value}`);
    }
    return wrong;
  }

  // The column of a button in all of the page's, in the order it says to be in.
  function order(number) {
    const head = all("thead button")[number].closest("th"), table = head.closest("table");
    const figures = head.className !== "", up = head.getAttribute("aria-sort") === "ascending";
    if (!up && head.getAttribute("aria-sort") !== "descending") return "says no order";
    if (all("[aria-sort]", table).length !== 1) return "more than one column says an order";
    const cells = [...table.tBodies[0].rows].map(row => row.cells[head.cellIndex]);
    if (figures && cells.some(cell => cell.textContent.trim() && !cell.dataset.v)) return "a figure has no value to sort by";
    const values = cells.map(cell => figures ? cell.dataset.v : cell.textContent);
    const known = values.filter(Boolean);
    if (values.slice(0, known.length).some(value => !value)) return "empty cells are not at the end";
    const collator = new Intl.Collator("en", {numeric: true});
    for (let i = 1; i < known.length; i++) {
      const step = figures ? known[i] - known[i - 1] : collator.compare(known[i], known[i - 1]);
      if (up ? step < 0 : step > 0) return `"${known[i]}" stands behind "${known[i - 1]}"`;
    }
  }

  // The countries of every map say who they are where the pointer is, and that is what their table says.
  function hover() {
    const wrong = [];
    for (const map of all("svg.world")) {
      const titles = all(".land title", map);
      if (titles.length < 240) wrong.push(`${titles.length} countries have a title`);
      map.scrollIntoView({block: "center"});
      for (const shape of all(".land :is(use,circle)", map)) {
        const words = shape.querySelector("title")?.textContent ?? "";
        if (!/^[^:]+: [-+\u2212\d,]+$/.test(words)) wrong.push(`a country is called "${words}"`);
        if (shape.getAttribute("class") === "q0" || wrong.length > 20) continue;
        const box = shape.getBoundingClientRect();
        let met = false;
        for (let i = 1; i < 24 && !met; i++) for (let j = 1; j < 24 && !met; j++) {
          const at = document.elementFromPoint(box.left + box.width * i / 24, box.top + box.height * j / 24);
          met = at === shape || at?.closest("use,circle") === shape || at?.querySelector?.(":scope > title")?.textContent === words;
        }
        if (!met) wrong.push(`the pointer does not meet ${words}`);
      }
    }
    return wrong;
  }

  const parse = colour => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const ground = node => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };

  // WCAG 2.2, 1.4.3: 4.5 to 1 for words; 1.4.11: 3 to 1 for lines and bars that mean something.
  function contrast() {
    const wrong = new Set();
    for (const node of all("body *")) {
      const own = [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
      if (!own || !visible(node) || node.closest("defs,.skip") || ["title", "desc", "SCRIPT"].includes(node.tagName)) continue;
      const style = getComputedStyle(node);
      const is = ratio(parse(node.closest("svg") ? style.fill : style.color).slice(0, 3), ground(node));
      if (is < 4.5) wrong.add(`${is.toFixed(2)} for ${name(node)}`);
    }
    for (const node of all(".bar,.curve,.limit,.k1,.k2,.k3,.k4,.k5,.k6,.k7,.k8")) {
      if (!visible(node)) continue;
      const style = getComputedStyle(node);
      const is = ratio(parse(style.fill === "none" ? style.stroke : style.fill).slice(0, 3), ground(node));
      if (is < 3) wrong.add(`${is.toFixed(2)} for .${node.getAttribute("class")}`);
    }
    return [...wrong];
  }

  // Nothing wider than the window; words within their drawing and over no others.
  function layout() {
    const wrong = [];
    const root = document.documentElement;
    if (root.scrollWidth > innerWidth) {
      wrong.push(`${root.scrollWidth} px wide`);
      for (const node of all("body *")) {
        if (node.getBoundingClientRect().right > innerWidth + 1 && !node.closest(".table,svg") && wrong.length < 6) wrong.push(`too wide: ${name(node)}`);
      }
    }
    for (const svg of all("svg.drawing")) {
      if (!visible(svg)) continue;
      const frame = svg.getBoundingClientRect();
      const texts = all("text", svg).map(node => [node, node.getBoundingClientRect()]);
      texts.forEach(([node, box], number) => {
        if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
          wrong.push(`out of its drawing: ${name(node)}`);
        if (parseFloat(getComputedStyle(node).fontSize) * frame.width / svg.viewBox.baseVal.width < 10) wrong.push(`too small: ${name(node)}`);
        for (const [other, place] of texts.slice(number + 1)) {
          const [x, y] = [Math.min(box.right, place.right) - Math.max(box.left, place.left),
                          Math.min(box.bottom, place.bottom) - Math.max(box.top, place.top)];
          if (x > 1 && y > 4) wrong.push(`${name(node)} lies over ${name(other)}`);
        }
      });
    }
    return wrong.slice(0, 30);
  }

  const summary = () => `${all("table").length} tables, ${all("tbody tr").length} rows, ${all("svg.drawing").length} drawings, `
    + `${all(".land title").length} countries named`;
  return {document: document_, order, hover, contrast, layout, summary};
})();
