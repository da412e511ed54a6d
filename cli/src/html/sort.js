for (const head of document.querySelectorAll("table.sortable th")) {
  const button = document.createElement("button");
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    const body = head.closest("table").tBodies[0];
    const key = (row) => row.cells[head.cellIndex].dataset.sort ?? "";
    const compare = (a, b) => {
      // What has no value comes last in either order.
      if (key(a) === "" || key(b) === "") return (key(a) === "") - (key(b) === "");
      const order = head.className ? key(a) - key(b) : key(a).localeCompare(key(b));
      return down ? -order : order;
    };
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...[...body.rows].sort(compare));
  });
}
