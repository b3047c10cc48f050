/// What makes tables sortable: a page is whole without it.
enum PageScript {
    /// The headings become buttons, so that the keyboard reaches them; what has no value stays at the end.
    static let text = """

        for (const table of document.querySelectorAll("table")) {
          const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0], words = new Intl.Collator("en", {numeric: true});
          if (body.rows.length < 2) continue;
          heads.forEach((head, column) => {
            const button = document.createElement("button"), figures = head.className !== "";
            button.type = "button";
            button.append(...head.childNodes);
            head.append(button);
            const value = row => { const cell = row.cells[column]; return figures ? cell.dataset.v : cell.textContent; };
            button.addEventListener("click", () => {
              const was = head.getAttribute("aria-sort"), up = was ? was === "descending" : !figures;
              for (const other of heads) other.removeAttribute("aria-sort");
              head.setAttribute("aria-sort", up ? "ascending" : "descending");
              const known = [], empty = [];
              for (const row of body.rows) (value(row) ? known : empty).push(row);
              known.sort((a, b) => (up ? 1 : -1) * (figures ? value(a) - value(b) : words.compare(value(a), value(b))));
              body.append(...known, ...empty);
            });
          });
        }

        """

    /// Of `text`, as a content security policy names it.
    static let hash = "sha256-+rSoO0CS2ZzUqE68TmeNCkVA9l8LLHRKVp+JnXlGc24="
}
